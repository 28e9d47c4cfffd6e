import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blocksOf, Heap, type HeapOptions } from "../../src/index.ts";
import { MIB } from "../support/memories.ts";
import { Random } from "../support/random.ts";
import { LONG_RUNS } from "./long-runs.ts";
import {
  Disagreement,
  Model,
  OPERATION_NAMES,
  OPERATION_WEIGHTS,
  type Operation,
  type OperationName,
} from "./model.ts";
import { randomOperation } from "./random-operations.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const operation: fc.Arbitrary<Operation> = fc.record({
  name: fc.oneof(...OPERATION_NAMES.map((name) => ({ arbitrary: fc.constant(name), weight: OPERATION_WEIGHTS[name] }))),
  pick: word,
  size: word,
});

/** `npm run test:model` goes on for as long as it is told. */
const SMALL_RUNS = 5;
const LONG_STEPS = 15_000;

const SMALL_HEAPS: readonly [string, HeapOptions][] = [
  ["a SharedArrayBuffer", { sizeBytes: 704 * 1024 }],
  ["an ArrayBuffer", { sizeBytes: 704 * 1024, shared: false }],
  ["growing shared memory", { sizeBytes: 128 * 1024, maximumBytes: 1.5 * MIB }],
  ["growing unshared memory", { sizeBytes: 128 * 1024, maximumBytes: 1.5 * MIB, shared: false }],
  ["two zones", { sizeBytes: 704 * 1024, dmaBytes: 128 * 1024 }],
];

describe.each(SMALL_HEAPS)("random operations on a small heap in %s", (_name, options) => {
  it("agree with the model after each step", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100, size: "max" }), (operations) => {
        const model = new Model(Heap.create(options), { maximumBytes: 60_000, maximumPages: 20, maximumBlocks: 60 });
        for (const step of operations) {
          model.step(step);
          model.verify();
        }
        model.freeAll();
      }),
      { numRuns: SMALL_RUNS, seed: 2 },
    );
  });
});

describe.each(LONG_RUNS)("many random operations on $name", ({ makeOptions, without }) => {
  it("agree with the model", () => {
    const random = new Random(4);
    const options = { maximumBytes: 500_000, maximumPages: 64, maximumBlocks: 3000 };
    const model = new Model(Heap.create(makeOptions(12 * MIB)), options);
    const skipped = new Set<OperationName>(["reload", ...without]);
    for (let step = 0; step < LONG_STEPS; step++) {
      model.step(randomOperation(random, skipped));
      if (step % 5000 === 0) model.verify();
    }
    expect(model.liveCount).toBeGreaterThan(100);
    model.freeAll();
  });
});

describe("the model", () => {
  const block = (): [Model, number] => {
    const model = new Model(Heap.create({ sizeBytes: MIB }), { maximumBytes: 5000, maximumPages: 4, maximumBlocks: 9 });
    model.step({ name: "alloc", pick: 0, size: 100 * 1024 });
    return [model, [...blocksOf(model.heap)][0]?.address ?? 0];
  };

  it("sees a changed byte", () => {
    const [model, address] = block();
    new Uint8Array(model.heap.buffer)[address] ^= 1;
    expect(() => model.verify()).toThrow(Disagreement);
    expect(() => model.step({ name: "free", pick: 0, size: 0 })).toThrow(/has changed/);
  });

  it("sees a block that it did not hand out, and one that is missing", () => {
    const [model, address] = block();
    const extra = model.heap.alloc(10);
    expect(() => model.verify()).toThrow(/was never handed out/);
    model.heap.free(extra);
    model.verify();
    model.heap.free(address);
    expect(() => model.verify()).toThrow(/lists 0 of 1 blocks/);
  });

  it("sees pages that went astray", () => {
    const [model] = block();
    model.heap.pages.alloc(1);
    expect(() => model.verify()).toThrow(/bytes of runs/);
  });
});

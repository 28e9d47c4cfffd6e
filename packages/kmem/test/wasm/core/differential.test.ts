import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CoreMemory } from "../support/core-module.ts";
import { Pair, type Step } from "./pair.ts";

const RUNS = 8;
const MOST_STEPS = 300;

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const size = fc.oneof(
  { arbitrary: fc.integer({ min: 0, max: 300 }), weight: 12 },
  { arbitrary: fc.integer({ min: 0, max: 5000 }), weight: 4 },
  { arbitrary: fc.integer({ min: 30_000, max: 80_000 }), weight: 1 },
  { arbitrary: fc.constantFrom(0, 1, 16, 128, 129, 32_767, 32_768, 32_769, 2 ** 31, 2 ** 32 - 1), weight: 1 },
);
const alignment = fc.constantFrom(0, 1, 2, 3, 4, 8, 15, 16, 17, 32, 64, 4096, 2 ** 31);
/** Addresses outside and inside of the heap, most of them of no block. */
const address = fc.oneof(word, fc.integer({ min: 65_536, max: 2 ** 21 }), fc.constantFrom(0, 1, 65_536, 65_552));

const named = <Name extends string>(...names: readonly Name[]) => fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ name: named("malloc"), size }), weight: 30 },
  { arbitrary: fc.record({ name: named("hostAlloc", "ghostAlloc"), size }), weight: 8 },
  { arbitrary: fc.record({ name: named("calloc"), count: fc.integer({ min: 0, max: 4 }), size }), weight: 8 },
  { arbitrary: fc.record({ name: named("calloc"), count: word, size: word }), weight: 1 },
  { arbitrary: fc.record({ name: named("aligned_alloc", "memalign"), alignment, size }), weight: 5 },
  { arbitrary: fc.record({ name: named("realloc"), pick: word, size }), weight: 15 },
  { arbitrary: fc.record({ name: named("free"), pick: word }), weight: 30 },
  { arbitrary: fc.record({ name: named("hostFree", "ghostFree", "malloc_usable_size"), pick: word }), weight: 12 },
  { arbitrary: fc.record({ name: named("freeTwice"), pick: word }), weight: 2 },
  { arbitrary: fc.record({ name: named("fill"), pick: word, byte: fc.integer({ min: 1, max: 255 }) }), weight: 8 },
  { arbitrary: fc.record({ name: named("freeWild", "sizeWild", "reallocWild"), address }), weight: 3 },
  { arbitrary: fc.record({ name: named("trim", "closeSheaves", "freeNull") }), weight: 1 },
);

const MEMORIES: readonly [string, CoreMemory][] = [
  ["memory of threads", { pages: 24, maximum: 24, isShared: true }],
  ["memory of threads that grows", { pages: 8, maximum: 40, isShared: true }],
  ["memory of one thread", { pages: 24, maximum: 24, isShared: false }],
  ["memory of one thread that grows", { pages: 8, maximum: 40, isShared: false }],
];

describe.each(MEMORIES)("in %s", (_name, memory) => {
  it("the paths in WebAssembly leave the same bytes as those in TypeScript, and answer the same", () => {
    let [steps, slowCalls] = [0, 0];
    const property = fc.property(fc.array(step, { maxLength: MOST_STEPS, size: "max" }), (sequence) => {
      const pair = new Pair(memory);
      for (const one of sequence) pair.step(one);
      pair.compare();
      steps += pair.steps;
      slowCalls += pair.wasm.slowCalls;
    });
    fc.assert(property, { numRuns: RUNS, seed: 17 });
    // Else nothing would be compared.
    expect(slowCalls).toBeLessThan(steps / 2);
  });
});

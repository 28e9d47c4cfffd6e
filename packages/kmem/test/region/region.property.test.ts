import fc from "fast-check";
import { atomik, LogRing } from "kmem/atomik";
import { describe, expect, it } from "vitest";
import { chunksOf } from "../../src/region/check.ts";
import { firstDifference } from "../support/expectations.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { RegionModel } from "./model.ts";

type Command =
  | { readonly kind: "worst" | "first"; readonly sizeBytes: number }
  | { readonly kind: "free"; readonly pick: number }
  | { readonly kind: "wrong"; readonly ptr: number };

const sizes = fc.oneof(fc.nat(64), fc.nat(600), fc.constantFrom(0, 15, 16, 17, 4000, 2 ** 32 - 1));
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("worst" as const, "first" as const), sizeBytes: sizes }),
    fc.record({ kind: fc.constant("free" as const), pick: fc.nat(1000) }),
    fc.record({ kind: fc.constant("wrong" as const), ptr: fc.nat(5000) }),
  ),
  { maxLength: 120 },
);

interface Live {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** A region beside its model, after each command compared with it. */
class Pair {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #log: LogRing = new LogRing();
  readonly #kernel: ReturnType<typeof atomik>;
  readonly #hdr: number;
  readonly #model: RegionModel;
  readonly #live: Live[] = [];

  constructor(start: number, sizeBytes: number) {
    const memory = new SharedArrayBuffer(8192);
    const end = start + sizeBytes - 1;
    this.#bytes = new Uint8Array(memory);
    this.#kernel = atomik(memory, this.#log);
    this.#hdr = this.#kernel.kmalloc_init(start, end);
    expect(this.#hdr).toBeGreaterThan(0);
    this.#model = new RegionModel(this.#hdr, end);
  }

  run(command: Command, seed: number): void {
    if (command.kind === "free") this.#free(command.pick);
    else if (command.kind === "wrong") this.#freeWrongly(command.ptr);
    else this.#allocate(command.kind, command.sizeBytes, seed);
    expect(this.#kernel.check()).toEqual([]);
    const chunks = [...chunksOf(new Int32Array(this.#bytes.buffer), this.#hdr / 4)];
    expect(chunks.map(({ address, blocks, busy }) => ({ address, blocks, busy }))).toEqual(this.#model.chunks);
  }

  #allocate(policy: "worst" | "first", sizeBytes: number, seed: number): void {
    const { kmalloc, kmalloc_fast } = this.#kernel;
    const address = (policy === "worst" ? kmalloc : kmalloc_fast)(sizeBytes, this.#hdr);
    expect(address).toBe(this.#model[policy](sizeBytes));
    if (address === 0) return;
    fillPattern(this.#bytes, address, address + sizeBytes, seed);
    this.#live.push({ address, sizeBytes, seed });
  }

  #free(pick: number): void {
    const [block] = this.#live.splice(pick % (this.#live.length || 1), 1);
    if (block === undefined) return;
    expect(patternFault(this.#bytes, block.address, block.address + block.sizeBytes, block.seed)).toBe(-1);
    this.#kernel.kfree(block.address, this.#hdr);
    this.#model.free(block.address);
  }

  #freeWrongly(ptr: number): void {
    if (ptr === 0 || this.#live.some(({ address }) => address === ptr)) return;
    const before = this.#bytes.slice();
    const printed = this.#log.messages().length;
    this.#kernel.kfree(ptr, this.#hdr);
    expect(this.#log.messages()).toHaveLength(printed + 1);
    expect(firstDifference(before, this.#bytes)).toBe(-1);
  }
}

describe("a region beside a plain list of chunks", () => {
  it("gives the same addresses, keeps contents, conserves every block and refuses what is wrong", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 200, max: 5000 }),
        commands,
        (start, size, list) => {
          const pair = new Pair(start, size);
          for (const [index, command] of list.entries()) pair.run(command, index);
        },
      ),
      { numRuns: 150, seed: 1 },
    );
  });
});

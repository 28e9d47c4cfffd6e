import fc from "fast-check";
import { type Atomik, atomik, LogRing, PAGE_SIZE } from "kmem/atomik";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../support/expectations.ts";

/** Pages of the memory; the ranges lie in it with gaps, at odd places. */
const PAGES = 100;
const RANGES = [
  [3, 20],
  [20, 23],
  [40, 97],
] as const;

type Command =
  | { readonly kind: "alloc"; readonly count: number }
  | { readonly kind: "free"; readonly page: number; readonly count: number };

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("alloc" as const), count: fc.integer({ min: 1, max: 24 }) }),
    // Any stretch of pages at all: most that are not of one allocation must be refused.
    fc.record({ kind: fc.constant("free" as const), page: fc.nat(PAGES), count: fc.integer({ min: 1, max: 6 }) }),
  ),
  { maxLength: 100 },
);

/** An owner for each page of the memory: a number for each allocation, 0 while free, -1 where none can be allocated. */
class Pair {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #log: LogRing = new LogRing();
  readonly #kernel: Atomik;
  readonly #ranges: readonly number[];
  readonly #owners: number[] = new Array<number>(PAGES + 10).fill(-1);
  readonly #initial: readonly string[];

  constructor() {
    const memory = new SharedArrayBuffer(PAGES * PAGE_SIZE);
    this.#bytes = new Uint8Array(memory);
    this.#kernel = atomik(memory, this.#log);
    this.#ranges = RANGES.map(([first, end]) => {
      return this.#kernel.mm_register_region(first * PAGE_SIZE, end * PAGE_SIZE - 1);
    });
    for (const [first, end] of RANGES) this.#owners.fill(0, first + 1, end);
    this.#initial = this.#lists();
    expect(this.#initial.length).toBe(RANGES.length * 11);
  }

  #lists(): string[] {
    this.#log.clear();
    const free = this.#ranges.map((range) => this.#kernel.mm_region_debug(range));
    const lines = this.#log.messages();
    this.#log.clear();
    const expected = RANGES.map(([first, end]) => this.#owners.slice(first, end).filter((owner) => owner === 0).length);
    expect(free).toEqual(expected);
    return lines;
  }

  run(command: Command, id: number): void {
    if (command.kind === "alloc") this.#alloc(command.count, id);
    else this.#free(command.page, command.count);
    expect(this.#kernel.check()).toEqual([]);
  }

  #alloc(count: number, id: number): void {
    const page = this.#kernel.page_alloc(count) / PAGE_SIZE;
    const free = this.#owners.map((owner) => (owner === 0 ? "f" : "-")).join("");
    if (page === 0) {
      // Ranges do not join, though two of them are neighbours: the page of the tables lies between.
      expect(free).not.toContain("f".repeat(count));
      return;
    }
    expect(free.slice(page, page + count)).toBe("f".repeat(count));
    this.#owners.fill(id, page, page + count);
    this.#bytes.fill(id, page * PAGE_SIZE, (page + count) * PAGE_SIZE);
  }

  #free(page: number, count: number): void {
    const owners = this.#owners.slice(page, page + count);
    const [owner] = owners as [number];
    const isRight = owner > 0 && owners.every((each) => each === owner);
    const before = this.#bytes.slice();
    const printed = this.#log.messages().length;
    expect(this.#kernel.page_free(page * PAGE_SIZE, count)).toBe(isRight ? 0 : -1);
    expect(this.#log.messages().length - printed).toBe(isRight ? 0 : 1);
    if (!isRight) {
      expect(firstDifference(before, this.#bytes)).toBe(-1);
      return;
    }
    const [start, end] = [page * PAGE_SIZE, (page + count) * PAGE_SIZE];
    expect(before.subarray(start, end).every((byte) => byte === owner)).toBe(true);
    this.#owners.fill(0, page, page + count);
  }

  finish(): void {
    for (const [page, owner] of this.#owners.entries()) if (owner > 0) this.#free(page, 1);
    expect(this.#lists()).toEqual(this.#initial);
  }
}

describe("ranges of pages beside an owner for each page", () => {
  it("give what is free, keep contents, take back any part of one allocation, and lose nothing", () => {
    fc.assert(
      fc.property(commands, (list) => {
        const pair = new Pair();
        for (const [index, command] of list.entries()) pair.run(command, index + 1);
        pair.finish();
      }),
      { numRuns: 30, seed: 1 },
    );
  });
});

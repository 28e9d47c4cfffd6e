import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

/** An allocator as the conformance suite sees it. Every allocator of the project passes the same suite. */
export interface Allocator {
  /** Throws an error with code OUT_OF_MEMORY when there is no memory. */
  alloc(sizeBytes: number): number;
  /** Gives 0 instead. */
  tryAlloc(sizeBytes: number): number;
  calloc(count: number, sizeBytes: number): number;
  realloc(address: number, sizeBytes: number): number;
  alignedAlloc(alignmentBytes: number, sizeBytes: number): number;
  free(address: number): void;
  usableSize(address: number): number;
  /** What is wrong inside; empty when all is well. */
  findings(): readonly unknown[];
  /** Gives back what is kept for speed. */
  trim(): void;
  /** Everything that must be the same again once all blocks are freed and `trim` has run. */
  figures(): unknown;
  /** The memory as it is now. */
  bytes(): Uint8Array;
  /** Index of a changed byte outside of the memory that the allocator was given, or -1. */
  foreignFault(): number;
}

/** An allocator over one memory. */
export interface ConformanceCase {
  readonly name: string;
  /** What it can hold at the very most. */
  readonly capacityBytes: number;
  /** Block sizes at which something changes: sizes next to them are tried. */
  readonly borderBytes: readonly number[];
  /** Bytes that a block takes beside those that were asked for. Default 0. */
  readonly overheadBytes?: number;
  /** Sizes of blocks that the memory is filled with. Default: some of each kind. */
  readonly fillBytes?: readonly number[];
  /** Usable is what was asked for and not a byte more: none of a block of size 0. Default false. */
  readonly isExact?: boolean;
  make(): Allocator;
}

interface Held {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** Takes blocks, keeps their patterns, and asserts on the way what is true of every block. */
class Holder {
  readonly allocator: Allocator;
  readonly held: Held[] = [];
  readonly #leastBytes: number;
  #seed = 0;

  constructor(allocator: Allocator, leastBytes: number) {
    this.allocator = allocator;
    this.#leastBytes = leastBytes;
  }

  /** Asserts that a new block is aligned and large enough, and fills all that it can hold. */
  hold(address: number, sizeBytes: number, alignmentBytes = 16): Held {
    expect(address % alignmentBytes).toBe(0);
    expect(address).toBeGreaterThan(0);
    const usableBytes = this.allocator.usableSize(address);
    expect(usableBytes).toBeGreaterThanOrEqual(Math.max(this.#leastBytes, sizeBytes));
    const block = { address, sizeBytes: usableBytes, seed: this.#seed++ };
    fillPattern(this.allocator.bytes(), address, address + usableBytes, block.seed);
    this.held.push(block);
    return block;
  }

  expectIntact(block: Held, keptBytes = block.sizeBytes): void {
    expect(patternFault(this.allocator.bytes(), block.address, block.address + keptBytes, block.seed)).toBe(-1);
  }

  /** Every block intact and none over another: a second holder of a byte would have broken the first one's pattern. */
  expectAllIntact(): void {
    for (const block of this.held) this.expectIntact(block);
    const inOrder = [...this.held].sort((a, b) => a.address - b.address);
    for (const [index, block] of inOrder.entries()) {
      const next = inOrder[index + 1];
      if (next !== undefined) expect(block.address + block.sizeBytes).toBeLessThanOrEqual(next.address);
    }
  }

  freeAll(order: readonly Held[] = this.held): void {
    for (const { address } of [...order]) this.allocator.free(address);
    this.held.length = 0;
  }
}

/** Takes blocks of a size until there are no more; gives their addresses. */
function exhaust(allocator: Allocator, sizeBytes: number): number[] {
  const addresses: number[] = [];
  for (let address = allocator.tryAlloc(sizeBytes); address !== 0; address = allocator.tryAlloc(sizeBytes)) {
    addresses.push(address);
  }
  return addresses;
}

function codeOf(action: () => unknown): unknown {
  try {
    action();
    return "nothing thrown";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** The sizes that the suite tries: every one up to 300, steps up to 5,000, and three around every border. */
function sizesToTry(borderBytes: readonly number[]): number[] {
  const small = Array.from({ length: 300 }, (_, size) => size);
  const steps = Array.from({ length: 157 }, (_, step) => 300 + step * 30);
  const borders = borderBytes.flatMap((border) => [border - 1, border, border + 1]);
  return [...small, ...steps, ...borders].filter((size) => size >= 0);
}

const FILL_BYTES: readonly number[] = [16, 48, 100, 1000, 4096, 20_000, 32_768, 40_000, 300_000];

/** Declares the suite for one allocator. */
export function describeConformance(one: ConformanceCase): void {
  const { name, capacityBytes, borderBytes, overheadBytes = 0, fillBytes = FILL_BYTES, isExact = false, make } = one;
  describe(`an allocator over ${name}`, () => {
    let allocator: Allocator;
    let holder: Holder;

    beforeEach(() => {
      allocator = make();
      holder = new Holder(allocator, isExact ? 0 : 1);
    });

    afterEach(() => {
      expect(allocator.findings()).toEqual([]);
      expect(allocator.foreignFault()).toBe(-1);
    });

    it("gives blocks of every size that are aligned, large enough and apart", () => {
      const sizes = sizesToTry(borderBytes).filter((size) => size < capacityBytes / 8);
      for (const size of sizes) {
        holder.hold(allocator.alloc(size), size);
        // Keeps the sum of all blocks well below the memory.
        if (holder.held.length % 64 === 0) {
          holder.expectAllIntact();
          holder.freeAll();
        }
      }
      holder.expectAllIntact();
      holder.freeAll();
    });

    it("gives size 0 a block of its own each time", () => {
      const first = holder.hold(allocator.alloc(0), 0);
      const second = holder.hold(allocator.alloc(0), 0);
      expect(first.address).not.toBe(second.address);
      holder.expectAllIntact();
      holder.freeAll();
    });

    it("gives large blocks, and the whole of them", () => {
      for (const share of [64, 16, 8, 3]) {
        const size = Math.floor(capacityBytes / share) - 20_000;
        holder.hold(allocator.alloc(size), size);
      }
      holder.expectAllIntact();
      holder.freeAll();
    });

    it("keeps all patterns through random allocs and frees", () => {
      const random = new Random(1);
      for (let step = 0; step < 3000; step++) {
        if (random.below(5) < 2 && holder.held.length > 0) {
          const [block] = holder.held.splice(random.below(holder.held.length), 1) as [Held];
          holder.expectIntact(block);
          allocator.free(block.address);
        } else {
          const size = random.size(8192);
          const address = allocator.tryAlloc(size);
          if (address !== 0) holder.hold(address, size);
        }
      }
      holder.expectAllIntact();
      holder.freeAll();
    });

    it.each(fillBytes)("runs out of blocks of %i bytes, says so, and recovers", (size) => {
      const addresses = exhaust(allocator, size);
      expect(new Set(addresses).size).toBe(addresses.length);
      expect(addresses.length * size).toBeLessThanOrEqual(capacityBytes);
      // Runs that are no power of two of pages leave gaps in which no other of their size fits: up to half of all.
      expect(addresses.length * (size + overheadBytes)).toBeGreaterThan(capacityBytes * 0.45);
      expect(codeOf(() => allocator.alloc(size))).toBe("OUT_OF_MEMORY");
      expect(allocator.findings()).toEqual([]);
      for (const address of new Random(size).shuffled(addresses)) allocator.free(address);
      const again = exhaust(allocator, size).length;
      expect(again * (size + overheadBytes)).toBeGreaterThan(capacityBytes * 0.45);
    });

    it("is as it was when everything is freed and trimmed, to the page", () => {
      // The first filling makes memory grow as far as it can, which it keeps.
      for (const address of exhaust(allocator, 100_000)) allocator.free(address);
      allocator.trim();
      const figures = allocator.figures();
      const random = new Random(2);
      for (const limit of [64, 2000, 40_000, 600_000]) {
        for (let block = 0; block < 400; block++) {
          const size = random.size(limit);
          const address = allocator.tryAlloc(size);
          if (address !== 0) holder.hold(address, size);
        }
        expect(allocator.figures()).not.toEqual(figures);
        holder.expectAllIntact();
        holder.freeAll(random.shuffled(holder.held));
        allocator.trim();
        expect(allocator.figures()).toEqual(figures);
      }
    });

    it("clears what calloc gives, whatever was there before", () => {
      const sizes = [0, 1, 15, 16, 17, 100, 255, 256, 257, 1000, 4095, 4096, 32_768, 32_769, 100_000, 500_000];
      const addresses = sizes.map((size) => allocator.alloc(size));
      for (const [index, address] of addresses.entries()) {
        allocator.bytes().fill(0xff, address, address + allocator.usableSize(address));
        expect(sizes[index]).toBeLessThanOrEqual(allocator.usableSize(address));
      }
      for (const address of addresses) allocator.free(address);
      for (const size of sizes) {
        const address = allocator.calloc(size, 1);
        expect(
          allocator
            .bytes()
            .subarray(address, address + size)
            .every((byte) => byte === 0),
        ).toBe(true);
        holder.hold(address, size);
      }
      const product = allocator.calloc(300, 7);
      expect(
        allocator
          .bytes()
          .subarray(product, product + 2100)
          .every((byte) => byte === 0),
      ).toBe(true);
      holder.expectAllIntact();
      holder.freeAll();
    });

    it("keeps contents through realloc, growing and shrinking", () => {
      const sizes = [0, 1, 16, 17, 100, 112, 113, 1000, 5000, 33_000, 100_000, 400_000, 90_000, 32_768, 300, 40, 7, 0];
      for (const from of sizes) {
        for (const to of sizes) {
          const block = holder.hold(allocator.alloc(from), from);
          const neighbour = holder.hold(allocator.alloc(from), from);
          const moved = allocator.realloc(block.address, to);
          expect(allocator.usableSize(moved)).toBeGreaterThanOrEqual(to);
          expect(moved % 16).toBe(0);
          holder.expectIntact({ ...block, address: moved }, Math.min(from, to));
          holder.expectIntact(neighbour);
          allocator.free(moved);
          allocator.free(neighbour.address);
        }
      }
      holder.held.length = 0;
    });

    it("does not leak what realloc moves", () => {
      for (const address of exhaust(allocator, 100_000)) allocator.free(address);
      allocator.trim();
      const figures = allocator.figures();
      let address = allocator.alloc(10);
      for (const size of [100, 1000, 10_000, 100_000, 200_000, 50, 70_000, 3])
        address = allocator.realloc(address, size);
      allocator.free(address);
      allocator.trim();
      expect(allocator.figures()).toEqual(figures);
    });

    it("treats realloc of null as alloc, and keeps the old block when realloc fails", () => {
      const block = holder.hold(allocator.realloc(0, 100), 100);
      const large = holder.hold(allocator.alloc(50_000), 50_000);
      for (const { address } of [block, large]) {
        expect(codeOf(() => allocator.realloc(address, capacityBytes))).toBe("OUT_OF_MEMORY");
      }
      holder.expectAllIntact();
      holder.freeAll();
    });

    it("can always make a block smaller, even when memory is full", () => {
      const large = holder.hold(allocator.alloc(100_000), 100_000);
      const small = holder.hold(allocator.alloc(1000), 1000);
      const others = [200_000, 33_000, 5000, 100, 16].flatMap((size) => exhaust(allocator, size));
      const shrunk = [large, small].map(({ address }) => allocator.realloc(address, 10));
      holder.expectIntact({ ...large, address: shrunk[0] as number }, 10);
      holder.expectIntact({ ...small, address: shrunk[1] as number }, 10);
      for (const address of [...others, ...shrunk]) allocator.free(address);
    });

    it("aligns blocks from a byte to as much as fits", () => {
      for (let alignment = 1; alignment <= capacityBytes / 8; alignment *= 2) {
        for (const size of [0, 1, 40, 129, 1000, 4097, 33_000]) {
          holder.hold(allocator.alignedAlloc(alignment, size), size, alignment);
          if (alignment > capacityBytes / 64) holder.freeAll();
        }
        holder.expectAllIntact();
        holder.freeAll();
      }
      for (const alignment of [3, 0, -16, 1.5, Number.NaN, 2 ** 32]) {
        expect(codeOf(() => allocator.alignedAlloc(alignment, 8))).toBe("BAD_ALIGNMENT");
      }
    });

    it("refuses bad sizes and bad addresses", () => {
      for (const size of [Number.NaN, -1, 0.5, 2 ** 32, Number.POSITIVE_INFINITY, "16", undefined, null, true]) {
        expect(codeOf(() => allocator.alloc(size as number))).toBe("BAD_SIZE");
        expect(codeOf(() => allocator.tryAlloc(size as number))).toBe("BAD_SIZE");
        expect(codeOf(() => allocator.calloc(size as number, 1))).toBe("BAD_SIZE");
        expect(codeOf(() => allocator.alignedAlloc(16, size as number))).toBe("BAD_SIZE");
        expect(codeOf(() => allocator.realloc(0, size as number))).toBe("BAD_SIZE");
      }
      const block = holder.hold(allocator.alloc(100), 100);
      allocator.free(0);
      for (const address of [
        block.address + 16,
        block.address + 1,
        block.address + 0.5,
        2 ** 32 - 16,
        -16,
        Number.NaN,
      ]) {
        expect(codeOf(() => allocator.free(address))).toBe("INVALID_FREE");
        expect(codeOf(() => allocator.usableSize(address))).toBe("INVALID_ADDRESS");
        expect(codeOf(() => allocator.realloc(address, 8))).toBe("INVALID_ADDRESS");
      }
      holder.freeAll();
      expect(codeOf(() => allocator.free(block.address))).toBe("DOUBLE_FREE");
    });
  });
}

import { Random } from "../support/random.ts";
import type { Adapter, Allocator } from "./allocator.ts";
import { ensure } from "./assertions.ts";

/** A block, and the pattern that fills it. */
export interface Held {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** Patterns are cut out of these bytes, each block's from another place. */
const PATTERN_BYTES = 65_536;
const PATTERN_STARTS = 8191;
const PATTERN: Uint8Array = Uint8Array.from(
  { length: PATTERN_BYTES + PATTERN_STARTS },
  (_, index) => ((index * 2_654_435_761) >>> 13) & 0xff,
);

function* chunksOf(lengthBytes: number, seed: number): Generator<[number, Uint8Array]> {
  const start = (seed * 37) % PATTERN_STARTS;
  for (let at = 0; at < lengthBytes; at += PATTERN_BYTES) {
    yield [at, PATTERN.subarray(start, start + Math.min(PATTERN_BYTES, lengthBytes - at))];
  }
}

/** Index of the first byte that differs, -1 where none does. A plain loop: most of the suite's time goes by here. */
function firstDifference(expected: Uint8Array, found: Uint8Array): number {
  for (let index = 0; index < expected.length; index++) if (expected[index] !== found[index]) return index;
  return -1;
}

/** One allocator under test: takes blocks, keeps their patterns, and asserts what is true of every block. */
export class Holder {
  readonly adapter: Adapter;
  readonly allocator: Allocator;
  readonly held: Held[] = [];
  #seed = 0;

  constructor(adapter: Adapter, allocator: Allocator) {
    this.adapter = adapter;
    this.allocator = allocator;
  }

  /** Of these sizes those that can be asked for, each of them once. */
  fit(sizes: readonly number[]): readonly number[] {
    const { onlyBytes, largestBytes = Number.POSITIVE_INFINITY, lacks } = this.adapter;
    if (onlyBytes !== undefined) return [onlyBytes];
    const least = lacks["size 0"] === undefined ? 0 : 1;
    return sizes.filter((size) => size >= least && size <= largestBytes);
  }

  /** Takes a block that must be there. */
  take(sizeBytes: number): Held {
    return this.hold(this.allocator.tryAlloc(sizeBytes), sizeBytes);
  }

  /** Asserts that a new block is aligned and large enough, and fills all that it can hold. */
  hold(address: number, sizeBytes: number, alignmentBytes = this.adapter.alignmentBytes): Held {
    ensure(address > 0, () => `no block of ${sizeBytes} bytes: ${address}`);
    ensure(address % alignmentBytes === 0, () => `${address} is no multiple of ${alignmentBytes}`);
    const usableBytes = this.allocator.usableSize?.(address) ?? sizeBytes;
    ensure(usableBytes >= sizeBytes, () => `${address} holds ${usableBytes} bytes of ${sizeBytes}`);
    if (this.adapter.isExact === true) ensure(usableBytes === sizeBytes, () => `${address} holds ${usableBytes} bytes`);
    const block = { address, sizeBytes: usableBytes, seed: this.#seed++ };
    for (const [at, chunk] of chunksOf(usableBytes, block.seed)) this.allocator.write(address + at, chunk);
    this.held.push(block);
    return block;
  }

  /** Asserts that a block has its pattern, or so many bytes of it, wherever it is now. */
  ensureIntact({ address, sizeBytes, seed }: Held, keptBytes = sizeBytes): void {
    for (const [at, chunk] of chunksOf(keptBytes, seed)) {
      const bytes = this.allocator.read(address + at, chunk.length);
      const wrong = firstDifference(chunk, bytes);
      ensure(wrong === -1, () => `byte ${at + wrong} of the block at ${address} has changed`);
    }
  }

  /** Every block intact and none over another. */
  ensureAllIntact(): void {
    for (const block of this.held) this.ensureIntact(block);
    const inOrder = this.held.toSorted((one, other) => one.address - other.address);
    for (const [index, { address, sizeBytes }] of inOrder.entries()) {
      const next = inOrder[index + 1]?.address ?? Number.POSITIVE_INFINITY;
      ensure(address + sizeBytes <= next, () => `the blocks at ${address} and ${next} overlap`);
    }
  }

  freeAll(seed?: number): void {
    const order = seed === undefined ? [...this.held] : new Random(seed).shuffled(this.held);
    this.held.length = 0;
    for (const { address } of order) this.allocator.free(address);
  }

  /** Takes blocks of a size until there are no more; gives their addresses. */
  exhaust(sizeBytes: number): number[] {
    const addresses: number[] = [];
    const { allocator } = this;
    for (let at = allocator.tryAlloc(sizeBytes); at !== 0; at = allocator.tryAlloc(sizeBytes)) {
      addresses.push(at);
      ensure(
        addresses.length * sizeBytes <= allocator.capacityBytes,
        () => `${addresses.length} blocks of ${sizeBytes}`,
      );
    }
    return addresses;
  }

  /** Has memory grow as far as it can, which it keeps, and everything kept for speed given back. */
  settle(): unknown {
    // The second size reaches what is left for the last growth, of a page of WebAssembly.
    for (const size of this.fit([100_000]).length > 0 ? this.fit([100_000, 16_000]) : [1000]) {
      for (const address of this.exhaust(size)) this.allocator.free(address);
    }
    this.allocator.trim?.();
    return this.allocator.figures();
  }

  /** All that must be true at the end of every test. */
  ensureClean(): void {
    const findings = this.allocator.findings();
    ensure(findings.length === 0, () => `the check finds ${JSON.stringify(findings.slice(0, 3))}`);
    const fault = this.allocator.foreignFault?.();
    ensure(fault === undefined, () => `${fault}`);
  }
}

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { WasmMalloc } from "../../src/contenders/compile-wasm.ts";
import { WasmHeap } from "../../src/contenders/wasm-heap.ts";
import type { ReplayHeap } from "../../src/replay/replay-heap.ts";

const MIB = 2 ** 20;
/** The memory of each heap that is tested. */
export const HEAP_BYTES = 64 * MIB;

/** An allocator of others, or why it is not here. */
export interface Peer {
  readonly name: string;
  readonly absence: string | undefined;
  readonly create: () => ReplayHeap & { readonly buffer: ArrayBufferLike };
}

/** @param make throws an error that says why there is none. */
export async function peer(name: string, make: () => Promise<Peer["create"]>): Promise<Peer> {
  try {
    return { name, absence: undefined, create: await make() };
  } catch (error) {
    const absence = (error as Error).message;
    return { name: `${name} (skipped: ${absence})`, absence, create: () => expect.unreachable(absence) };
  }
}

/** A malloc in WebAssembly. */
export const wasmPeer = (name: string, compile: () => Promise<WasmMalloc>): Promise<Peer> =>
  peer(name, async () => {
    const module = readFileSync((await compile()).path);
    return () => new WasmHeap(module, HEAP_BYTES);
  });

/** Emmalloc's sums overflow, and its realloc answers as if so large a block were small. */
const EMMALLOC_OVERFLOWS_FROM = 2 ** 32 - 64;

/** What the heap of every peer does for a replay. */
export function describePeers(peers: readonly Peer[]): void {
  describe.each(peers)("$name", peerTests);
}

function peerTests({ name, absence, create }: Peer): void {
  const bytesAt = (heap: ReturnType<Peer["create"]>, address: number, sizeBytes: number): Uint8Array =>
    new Uint8Array(heap.buffer, address, sizeBytes);

  it.skipIf(absence !== undefined)("gives blocks that do not overlap and keep what they hold", () => {
    const heap = create();
    const blocks = new Map<number, { sizeBytes: number; fill: number }>();
    for (let round = 0; round < 2000; round += 1) {
      const sizeBytes = 1 + ((round * 7919) % 700);
      const fill = round % 256;
      const address = round % 5 === 0 ? heap.alignedAlloc(16 << (round % 9), sizeBytes) : heap.alloc(sizeBytes);
      expect(round % 5 === 0 ? address % (16 << (round % 9)) : 0).toBe(0);
      expect(heap.usableSize(address)).toBeGreaterThanOrEqual(sizeBytes);
      bytesAt(heap, address, sizeBytes).fill(fill);
      blocks.set(address, { sizeBytes, fill });
      if (round % 3 === 0) {
        const [victim, held] = [...blocks][(round * 31) % blocks.size]!;
        expect(bytesAt(heap, victim, held.sizeBytes).every((byte) => byte === held.fill)).toBe(true);
        heap.free(victim);
        blocks.delete(victim);
      }
    }
    for (const [address, { sizeBytes, fill }] of blocks) {
      expect(bytesAt(heap, address, sizeBytes).every((byte) => byte === fill)).toBe(true);
      expect(heap.footprintBytes).toBeGreaterThanOrEqual(sizeBytes);
      heap.free(address);
    }
  });

  it.skipIf(absence !== undefined)("keeps the contents of what it reallocates and clears what calloc hands out", () => {
    const heap = create();
    for (const alignment of [8, 256, 8192]) {
      let address = heap.alignedAlloc(alignment, 100);
      bytesAt(heap, address, 100).fill(7);
      heap.alloc(16);
      for (const sizeBytes of [300, 50_000, 100]) {
        address = heap.realloc(address, sizeBytes);
        expect(bytesAt(heap, address, 100).every((byte) => byte === 7)).toBe(true);
      }
      bytesAt(heap, address, 100).fill(0xff);
      heap.free(address);
    }
    const cleared = heap.calloc(7, 1003);
    expect(bytesAt(heap, cleared, 7021).every((byte) => byte === 0)).toBe(true);
    expect(heap.realloc(0, 10)).toBeGreaterThan(0);
  });

  it.skipIf(absence !== undefined)("refuses with OUT_OF_MEMORY and goes on", () => {
    const heap = create();
    const kept = heap.alloc(100);
    bytesAt(heap, kept, 100).fill(7);
    const refusal = expect.objectContaining({ code: "OUT_OF_MEMORY" });
    for (const sizeBytes of [HEAP_BYTES * 2, 2 ** 31 - 1, 2 ** 31 + 1, 2 ** 32 - 64]) {
      expect(() => heap.alloc(sizeBytes)).toThrow(refusal);
      expect(() => heap.calloc(1, sizeBytes)).toThrow(refusal);
      if (name === "emmalloc" && sizeBytes >= EMMALLOC_OVERFLOWS_FROM) continue;
      expect(() => heap.realloc(kept, sizeBytes)).toThrow(refusal);
      expect(() => heap.alignedAlloc(64, sizeBytes)).toThrow(refusal);
    }
    expect(heap.pages.tryAlloc((HEAP_BYTES * 2) / 4096)).toBe(0);
    expect(bytesAt(heap, kept, 100).every((byte) => byte === 7)).toBe(true);
    expect(heap.alloc(1000)).toBeGreaterThan(0);
  });

  it.skipIf(absence !== undefined)("makes caches and pages", () => {
    const heap = create();
    const cache = heap.createCache({ name: "objects", sizeBytes: 200 });
    const objects = [cache.alloc(), cache.alloc()];
    expect(objects[0]).not.toBe(objects[1]);
    const run = heap.pages.tryAlloc(8);
    expect(run % 4096).toBe(0);
    expect(run).toBeGreaterThan(0);
    heap.pages.free(run + 2 * 4096, 6);
    heap.pages.free(run, 2);
    for (const object of objects) cache.free(object);
  });
}

import { type Atomik, atomik, LogRing } from "kmem/atomik";
import { expect } from "vitest";
import { type ChunkInfo, chunksOf } from "../../src/region/check.ts";
import { BLOCK_BYTES, CHUNK_HEADER_BYTES, REGION_HEADER_BYTES } from "../../src/region/layout.ts";

/** A kernel over a memory, what it prints, and the chunks of its regions. */
export interface Setup {
  readonly kernel: Atomik;
  readonly log: LogRing;
  readonly bytes: Uint8Array;
  chunks(hdr: number): ChunkInfo[];
}

export function setUp(memory: ArrayBuffer | SharedArrayBuffer = new SharedArrayBuffer(65_536)): Setup {
  const log = new LogRing();
  const words = new Int32Array(memory);
  return {
    kernel: atomik(memory, log),
    log,
    bytes: new Uint8Array(memory),
    chunks: (hdr) => [...chunksOf(words, hdr / 4)],
  };
}

/** A region whose free chunks have these many blocks, in address order, with a busy chunk behind each. */
export function withFreeChunks({ kernel }: Setup, blockCounts: readonly number[]): { hdr: number; free: number[] } {
  const bytes = (blocks: number): number => (blocks - 2) * BLOCK_BYTES;
  const total = blockCounts.reduce((sum, blocks) => sum + blocks + 3, 0) * BLOCK_BYTES;
  const hdr = kernel.kmalloc_init(16, 16 + REGION_HEADER_BYTES + total - 1);
  const free = blockCounts.map((blocks) => {
    const address = kernel.kmalloc_fast(bytes(blocks), hdr);
    expect(kernel.kmalloc_fast(1, hdr)).toBe(address + bytes(blocks) + CHUNK_HEADER_BYTES);
    return address;
  });
  expect(kernel.kmalloc_fast(0, hdr)).toBe(0);
  for (const address of free) kernel.kfree(address, hdr);
  return { hdr, free };
}

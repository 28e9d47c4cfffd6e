import { atomik, LogRing } from "kmem/atomik";
import { describe, expect, it } from "vitest";
import { type Fit, RegionHeap } from "../../src/contenders/region.ts";

const PAGE = 4096;
/** The region begins at byte 0, which is NULL, so that its header is at the next multiple of 16. */
const HEADER = 16;

interface ListedChunk {
  readonly isBusy: boolean;
  readonly address: number;
  readonly bytes: number;
}

/** The chunks as the kernel itself lists them. */
function listChunks(heap: RegionHeap): ListedChunk[] {
  const ring = new LogRing();
  atomik(heap.buffer as SharedArrayBuffer, ring).kmalloc_chunk_debug(HEADER);
  return ring
    .messages()[0]!
    .split(" ")
    .map((text) => {
      const [, state, address, bytes] = /^([BF])(0x[0-9a-f]+)\((\d+)\)/.exec(text)!;
      return { isBusy: state === "B", address: Number(address), bytes: Number(bytes) };
    });
}

/** The bytes of all pages in which a header or a byte of a busy chunk lies. */
function touchedBytes(heap: RegionHeap): number {
  const pages = new Set<number>([0]);
  for (const { isBusy, address, bytes } of listChunks(heap)) {
    const end = address + (isBusy ? bytes : 32);
    for (let page = Math.floor(address / PAGE); page * PAGE < end; page += 1) pages.add(page);
  }
  return pages.size * PAGE;
}

/** A heap with free places of 1,000 and of 5,000 bytes before its long end. */
function withHoles(fit: Fit): { heap: RegionHeap; small: number; large: number } {
  const heap = new RegionHeap(fit, 2 ** 20);
  const [small, , large] = [1000, 16, 5000, 16].map((sizeBytes) => heap.alloc(sizeBytes)) as [number, number, number];
  heap.free(small);
  heap.free(large);
  return { heap, small, large };
}

describe("a region as a heap", () => {
  it("takes the largest chunk, or the first that is large enough", () => {
    const worst = withHoles("worst");
    expect(worst.heap.alloc(100)).toBeGreaterThan(worst.large + 5000);
    const first = withHoles("first");
    expect(first.heap.alloc(2000)).toBe(first.large);
    expect(first.heap.alloc(100)).toBe(first.small);
  });

  it("knows the size that the kernel lists", () => {
    const { heap } = withHoles("first");
    for (const sizeBytes of [0, 1, 100, 4000, 70_000]) {
      const address = heap.alloc(sizeBytes);
      const chunk = listChunks(heap).find((one) => one.address === address - 32);
      expect(chunk).toEqual({ isBusy: true, address: address - 32, bytes: heap.usableSize(address) + 32 });
    }
  });

  it.each(["worst", "first"] as const)("counts the pages of busy chunks and of headers (%s fit)", (fit) => {
    const heap = new RegionHeap(fit, 2 ** 20);
    const live: number[] = [];
    let seed = 1;
    for (let step = 0; step < 400; step += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      if (live.length > 0 && seed % 3 === 0) heap.free(live.splice(seed % live.length, 1)[0]!);
      else live.push(heap.alloc(seed % 9000 < 8000 ? seed % 500 : seed % 9000));
      // The first look comes late, so that what is there already has to be found.
      if (step < 100 || step % 10 > 0) continue;
      const touched = touchedBytes(heap);
      expect(heap.footprintBytes).toBeLessThanOrEqual(touched + PAGE);
      expect(heap.footprintBytes).toBeGreaterThanOrEqual(touched);
    }
    for (const address of live) heap.free(address);
    expect(heap.footprintBytes).toBe(PAGE);
  });

  it("forgets an aligned block when it is freed", () => {
    const heap = new RegionHeap("first", 2 ** 20);
    const aligned = heap.alignedAlloc(4096, 100);
    heap.free(aligned);
    // The next block begins where the aligned one did, and is no part of another.
    heap.alloc(aligned - 48 - 32 - 32);
    const address = heap.alloc(100);
    expect(address).toBe(aligned);
    expect(heap.usableSize(address)).toBe(112);
    heap.alignedAlloc(4096, 100);
    heap.free(address);
    expect(heap.check().findings).toEqual([]);
  });

  it("throws what the kernel refuses", () => {
    const heap = new RegionHeap("worst", 2 ** 20);
    const address = heap.alloc(100);
    heap.free(address);
    expect(() => heap.free(address)).toThrow("kfree: liberacion doble");
  });
});

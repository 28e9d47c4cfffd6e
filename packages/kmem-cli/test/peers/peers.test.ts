import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createHeap as createDebugged } from "../../src/heaps/kmem-fzpu.ts";
import { pageToucher } from "../../src/memory-bench/page-touch.ts";
import { probeResident } from "../../src/memory-bench/resident-memory.ts";
import { CodemixHeap } from "../../src/peers/codemix.ts";
import { compileDlmalloc, compileEmmalloc, compileTlsf, packageManifest } from "../../src/peers/compile-wasm.ts";
import { ThingHeap } from "../../src/peers/thi-ng.ts";
import { ArraysHeap } from "../../src/peers/uint8array.ts";
import { WasmHeap } from "../../src/peers/wasm-heap.ts";
import type { ReplayHeap } from "../../src/replay/replay-heap.ts";
import { SMALL_PLAN } from "../heaps/support.ts";

const MIB = 2 ** 20;
const HEAP_BYTES = 64 * MIB;

interface Peer {
  readonly name: string;
  readonly absence: string | undefined;
  readonly create: () => ReplayHeap & { readonly buffer: ArrayBufferLike };
}

async function peer(name: string, make: () => Promise<Peer["create"]>): Promise<Peer> {
  try {
    return { name, absence: undefined, create: await make() };
  } catch (error) {
    const absence = (error as Error).message;
    return { name: `${name} (skipped: ${absence})`, absence, create: () => expect.unreachable(absence) };
  }
}

const wasm = (name: string, compile: typeof compileTlsf): Promise<Peer> =>
  peer(name, async () => {
    const module = readFileSync((await compile()).path);
    return () => new WasmHeap(module, HEAP_BYTES);
  });

const PEERS = [
  await wasm("wasm-dlmalloc", compileDlmalloc),
  await wasm("emmalloc", compileEmmalloc),
  await wasm("as-tlsf", compileTlsf),
  await peer("thi.ng", async () => {
    packageManifest("@thi.ng/malloc");
    return () => new ThingHeap(HEAP_BYTES);
  }),
  await peer("codemix", async () => {
    packageManifest("malloc");
    return () => new CodemixHeap(HEAP_BYTES);
  }),
  await peer("kmem-fzpu", async () => () => createDebugged(SMALL_PLAN)),
];

/** Emmalloc's sums overflow, and its realloc answers as if so large a block were small. */
const EMMALLOC_OVERFLOWS_FROM = 2 ** 32 - 64;

describe.each(PEERS)("$name", ({ name, absence, create }) => {
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
    expect(heap.pages.alloc((HEAP_BYTES * 2) / 4096)).toBe(0);
    expect(bytesAt(heap, kept, 100).every((byte) => byte === 7)).toBe(true);
    expect(heap.alloc(1000)).toBeGreaterThan(0);
  });

  it.skipIf(absence !== undefined)("has its blocks in its buffer, of which every page of theirs can be touched", () => {
    const heap = create();
    const touch = pageToucher(heap);
    const probe = probeResident(heap);
    const before = probe?.read() ?? 0;
    const blocks = Array.from({ length: 200 }, () => heap.alloc(20_000));
    for (const block of blocks) touch(block, 20_000);
    expect(bytesAt(heap, blocks[99]!, 20_000)[4096]).toBe(1);
    if (probe === undefined) return;
    expect(probe.scope).toBe("buffer");
    expect(probe.read() - before).toBeGreaterThanOrEqual(200 * 19_000);
  });

  it.skipIf(absence !== undefined)("makes caches and pages", () => {
    const heap = create();
    const cache = heap.createCache({ name: "objects", sizeBytes: 200 });
    const objects = [cache.alloc(), cache.alloc()];
    expect(objects[0]).not.toBe(objects[1]);
    const run = heap.pages.alloc(8);
    expect(run % 4096).toBe(0);
    expect(run).toBeGreaterThan(0);
    heap.pages.free(run + 2 * 4096, 6);
    heap.pages.free(run, 2);
    for (const object of objects) cache.free(object);
  });
});

describe("uint8array", () => {
  it("gives every block an array of its own, which realloc copies", () => {
    const heap = new ArraysHeap();
    const [first, second] = [heap.alloc(10), heap.calloc(2, 10)];
    heap.arrayAt(first).fill(7);
    expect(heap.arrayAt(second)).toEqual(new Uint8Array(20));
    expect(heap.footprintBytes).toBe(30);
    const moved = heap.realloc(first, 12);
    expect([...heap.arrayAt(moved)]).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0]);
    expect(heap.usableSize(heap.realloc(moved, 3))).toBe(3);
    heap.free(second);
    expect(heap.footprintBytes).toBe(3);
    const run = heap.pages.alloc(2);
    heap.pages.free(run, 1);
    heap.pages.free(run + 4096, 1);
    expect(heap.footprintBytes).toBe(3);
  });

  it("has every page of a block touched, which are measured in the whole process", () => {
    const heap = new ArraysHeap();
    const touch = pageToucher(heap);
    const [block, run] = [heap.alloc(10_000), heap.pages.alloc(2)];
    touch(block, 10_000);
    touch(run, 8192);
    expect([0, 4096, 8192, 9999].map((at) => heap.arrayAt(block)[at])).toEqual([1, 1, 1, 1]);
    expect(heap.keepsStateOutside).toBe(true);
  });

  it("refuses with OUT_OF_MEMORY", () => {
    const request = (): number => new ArraysHeap().alloc(2 ** 53 - 1);
    expect(request).toThrow(expect.objectContaining({ code: "OUT_OF_MEMORY" }));
  });
});

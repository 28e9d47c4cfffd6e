import { describe, expect, it } from "vitest";
import { compileDlmalloc, compileEmmalloc } from "../../src/contenders/compile-wasm.ts";
import { createHeap as createDebugged } from "../../src/contenders/kmem-fzpu.ts";
import { ArraysHeap } from "../../src/contenders/uint8array.ts";
import { SMALL_PLAN } from "./heap-support.ts";
import { describePeers, peer, wasmPeer } from "./peer-suite.ts";

describePeers([
  await wasmPeer("wasm-dlmalloc", compileDlmalloc),
  await wasmPeer("emmalloc", compileEmmalloc),
  await peer("kmem-fzpu", async () => () => createDebugged(SMALL_PLAN)),
]);

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
    const run = heap.pages.tryAlloc(2);
    heap.pages.free(run, 1);
    heap.pages.free(run + 4096, 1);
    expect(heap.footprintBytes).toBe(3);
  });

  it("refuses with OUT_OF_MEMORY", () => {
    const request = (): number => new ArraysHeap().alloc(2 ** 53 - 1);
    expect(request).toThrow(expect.objectContaining({ code: "OUT_OF_MEMORY" }));
  });
});

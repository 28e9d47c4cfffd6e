import { compileDlmalloc, compileEmmalloc } from "kmem-cli/internal/contenders/compile-wasm";
import { createAreas } from "kmem-cli/internal/contenders/kmem";
import { createHeap as createDebugged } from "kmem-cli/internal/contenders/kmem-fzpu";
import { ArraysHeap } from "kmem-cli/internal/contenders/uint8array";
import { describe, expect, it } from "vitest";
import { SMALL_PLAN } from "../../../kmem-cli/test/contenders/heap-support.ts";
import { HEAP_BYTES, peer, wasmPeer } from "../../../kmem-cli/test/contenders/peer-suite.ts";
import { pageToucher } from "../../src/memory/page-touch.ts";
import { probeResident } from "../../src/memory/resident-memory.ts";
import { CodemixHeap } from "../../src/peers/codemix.ts";
import { compileTlsf } from "../../src/peers/compile-tlsf.ts";
import { ThingHeap } from "../../src/peers/thi-ng.ts";

const PEERS = [
  await wasmPeer("wasm-dlmalloc", compileDlmalloc),
  await wasmPeer("emmalloc", compileEmmalloc),
  await wasmPeer("as-tlsf", compileTlsf),
  await peer("thi.ng", async () => () => new ThingHeap(HEAP_BYTES)),
  await peer("codemix", async () => () => new CodemixHeap(HEAP_BYTES)),
  await peer("kmem-fzpu", async () => () => createDebugged(SMALL_PLAN)),
];

describe.each(PEERS)("$name", ({ absence, create }) => {
  it.skipIf(absence !== undefined)("has its blocks in its buffer, of which every page of theirs can be touched", () => {
    const heap = create();
    const touch = pageToucher(heap);
    const probe = probeResident(heap);
    const before = probe?.read() ?? 0;
    const blocks = Array.from({ length: 200 }, () => heap.alloc(20_000));
    for (const block of blocks) touch(block, 20_000);
    expect(new Uint8Array(heap.buffer, blocks[99]!, 20_000)[4096]).toBe(1);
    if (probe === undefined) return;
    expect(probe.scope).toBe("buffer");
    expect(probe.read() - before).toBeGreaterThanOrEqual(200 * 19_000);
  });
});

describe("uint8array", () => {
  it("has every page of a block touched, which are measured in the whole process", () => {
    const heap = new ArraysHeap();
    const touch = pageToucher(heap);
    const [block, run] = [heap.alloc(10_000), heap.pages.tryAlloc(2)];
    touch(block, 10_000);
    touch(run, 8192);
    expect([0, 4096, 8192, 9999].map((at) => heap.arrayAt(block)[at])).toEqual([1, 1, 1, 1]);
    expect(heap.keepsStateOutside).toBe(true);
  });
});

describe("areas of vmalloc", () => {
  it("are touched page by page, wherever the pages are", () => {
    const heap = createAreas({ peakLiveBytes: 2 ** 24, peakLiveBlockCount: 1, requestedBytes: 2 ** 20, opCount: 1 });
    const probe = probeResident(heap);
    const before = probe?.read() ?? 0;
    const area = heap.alloc(2 ** 20);
    heap.touch!(area, 2 ** 20 - 4000);
    if (probe !== undefined) expect(probe.read() - before).toBeGreaterThanOrEqual(2 ** 20);
    heap.free(area);
  });
});

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { foreignCampaign } from "../campaigns/foreign.ts";
import { expectBytesAddUp, expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import type { ProgramDone, ProgramWork } from "./foreign-worker.ts";

const WASM_PAGE = 65_536;
/** How long to sleep before another look at a program that may have ended. */
const WAIT_MS = 100;

describe("a program and two heaps that grow one memory", () => {
  it("have no byte in common after any sequence of growths", () => {
    const { growths, resizes } = foreignCampaign(2400, 20_261_129);
    expect(growths).toBeGreaterThan(80);
    expect(resizes).toBeGreaterThan(20);
  });

  it("have none when the program is another thread", async () => {
    const memory = new WebAssembly.Memory({ initial: 160, maximum: 2048, shared: true });
    const heaps = [
      Heap.create({ memory, end: 5 * MIB, maximumBytes: 64 * MIB }),
      Heap.create({ memory, start: 5 * MIB, end: 10 * MIB, maximumBytes: 64 * MIB }),
    ];
    const work: ProgramWork = {
      memory,
      pageCount: 100,
      byte: 0xa5,
      progress: new Int32Array(new SharedArrayBuffer(4)),
    };
    const program = new Worker(new URL("./foreign-worker.ts", import.meta.url), { workerData: work });
    const done = once(program, "message") as Promise<[ProgramDone]>;
    const blocks: number[] = [];
    const sizeBytes = 150_000;
    for (let added = 0; added < work.pageCount; added = Atomics.load(work.progress, 0)) {
      // No further ahead of the program than this: all of them are to grow at the same time, within the limit.
      if (blocks.length > added / 2) {
        Atomics.wait(work.progress, 0, added, WAIT_MS);
        continue;
      }
      const heap = heaps[blocks.length % 2] as Heap;
      const block = heap.tryAlloc(sizeBytes);
      expect(block).toBeGreaterThan(0);
      heap.u8(block, sizeBytes).fill(1 + (blocks.length % 100));
      blocks.push(block);
    }
    const [pages] = await done;
    const bytes = Buffer.from(memory.buffer as ArrayBuffer, 0, memory.buffer.byteLength);
    for (const page of pages) {
      expect(bytes.subarray(page, page + WASM_PAGE).equals(Buffer.alloc(WASM_PAGE, work.byte))).toBe(true);
    }
    for (const [index, block] of blocks.entries()) {
      expect(bytes.subarray(block, block + sizeBytes).equals(Buffer.alloc(sizeBytes, 1 + (index % 100)))).toBe(true);
    }
    for (const heap of heaps) {
      expectClean(heap);
      expectBytesAddUp(heap);
    }
    const owned = heaps.map((heap) => heapStats(heap).bytes.totalBytes).reduce((sum, heapBytes) => sum + heapBytes, 0);
    expect(owned + pages.length * WASM_PAGE).toBe(memory.buffer.byteLength);
    await program.terminate();
  });
});

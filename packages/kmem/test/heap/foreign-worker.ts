// A thread of the test of foreign pages: a program that adds pages to its memory while heaps grow the same memory.
import { parentPort, workerData } from "node:worker_threads";

/** What the program does: how often it adds a page, and what it fills all of them with. */
export interface ProgramWork {
  readonly memory: WebAssembly.Memory;
  readonly pageCount: number;
  readonly byte: number;
  /** Its first word counts the pages that the program has added; the heaps wait for one when they are ahead. */
  readonly progress: Int32Array;
}
/** The first bytes of the pages that it has added. */
export type ProgramDone = readonly number[];

const WASM_PAGE = 65_536;
const { memory, pageCount, byte, progress } = workerData as ProgramWork;
const pages: number[] = [];
for (let page = 0; page < pageCount; page++) {
  const first = memory.grow(1) * WASM_PAGE;
  new Uint8Array(memory.buffer).fill(byte, first, first + WASM_PAGE);
  pages.push(first);
  Atomics.add(progress, 0, 1);
  Atomics.notify(progress, 0);
}
parentPort?.postMessage(pages);

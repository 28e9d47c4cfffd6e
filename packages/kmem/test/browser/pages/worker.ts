// A dedicated worker: the commands that a page can have it run, each with its result or its error as the answer.

import { Heap, type HeapHandle } from "kmem";
import { Header } from "kmem/layout";
import { layersOf } from "../../../dist/heap/access.js";
import { headerWord } from "../../../dist/memory/header.js";
import { Barter, type BarterResult } from "./barter.ts";
import { Board } from "./board.ts";
import { freeFilled, makeFilled } from "./filled-blocks.ts";
import { loadEntries } from "./load-entries.ts";
import type { Answer, Call } from "./worker-thread.ts";

let heap: Heap | undefined;
let held: number[] = [];

/** The heap that the page's handle led to. */
function attached(): Heap {
  if (heap === undefined) throw new Error("this worker is not attached");
  return heap;
}

const commands = {
  loadEntries,

  /** Joins the page's heap and gives the slot. */
  attach(handle: HeapHandle): number {
    heap = Heap.attach(handle);
    return heap.slot;
  },

  /** Trades blocks until the board says that it is over. */
  barter(boardMemory: SharedArrayBuffer, thread: number, limitBytes: number): BarterResult {
    const board = new Board(boardMemory);
    const barter = new Barter(attached(), board, thread, limitBytes);
    while (!board.isOver) barter.trade(32);
    return barter.result;
  },

  /** Takes all the memory that there is, in blocks of one size, and keeps it; gives how many it got. */
  takeAll(blockBytes: number): number {
    for (let block = attached().tryAlloc(blockBytes); block !== 0; block = attached().tryAlloc(blockBytes)) {
      held.push(block);
    }
    return held.length;
  },

  /** Frees the blocks that it keeps. */
  releaseAll(): void {
    for (const block of held) attached().free(block);
    held = [];
  },

  makeFilled(count: number, sizeBytes: number): number[] {
    return makeFilled(attached(), count, sizeBytes);
  },

  freeFilled(blocks: readonly number[], sizeBytes: number): number[] {
    return freeFilled(attached(), blocks, sizeBytes);
  },

  /** Sleeps until there is memory. */
  allocWait(sizeBytes: number, timeoutMs: number): number {
    return attached().allocWait(sizeBytes, { timeoutMs });
  },

  /** Takes the lock of the pages and never gives it back: says so in the first word of the memory, and is busy. */
  holdLockForEver(doneMemory: SharedArrayBuffer): void {
    const { sync, geometry } = layersOf(attached());
    const done = new Int32Array(doneMemory);
    sync.locks.acquire(headerWord(geometry, Header.PAGES_LOCK));
    for (;;) Atomics.add(done, 0, 1);
  },

  detach(): void {
    attached().detach();
    heap = undefined;
  },
};

export type WorkerCommands = typeof commands;

async function answer({ id, name, args }: Call): Promise<Answer> {
  const command = commands[name as keyof WorkerCommands] as (...args: readonly unknown[]) => unknown;
  try {
    return { id, result: await command(...args) };
  } catch (error) {
    return { id, error: error instanceof Error ? `${error.stack}` : String(error) };
  }
}

addEventListener("message", async ({ data }: MessageEvent<Call>) => {
  postMessage(await answer(data));
});

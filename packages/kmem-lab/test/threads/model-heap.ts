import { createShared } from "../../src/threads/work/shared-state.ts";
import { Work, type WorkThread } from "../../src/threads/work/work.ts";

const BUFFER_BYTES = 2 ** 26;
const ALIGNMENT = 16;

/** A heap that is plain enough to be right: blocks are never used again, and a free of what is not live throws. */
export class ModelHeap {
  readonly words = new Int32Array(BUFFER_BYTES / 4);
  readonly live = new Set<number>();
  #next = ALIGNMENT;

  readonly alloc = (sizeBytes: number): number => {
    const block = this.#next;
    this.#next += Math.ceil(sizeBytes / ALIGNMENT) * ALIGNMENT;
    if (this.#next > BUFFER_BYTES) throw new Error("the model is out of memory");
    this.live.add(block);
    return block;
  };

  readonly free = (address: number): void => {
    if (!this.live.delete(address)) throw new Error(`no block lives at ${address}`);
  };

  /** The only thread of a run with this heap, or one of several that run after each other. */
  thread(over: Partial<WorkThread> = {}): WorkThread {
    const { alloc, free, words } = this;
    const work = new Work();
    work.start(0);
    const shared = createShared(over.laneCount ?? 1);
    return { alloc, free, words, shared, lane: 0, laneCount: 1, generation: 0, generationCount: 1, work, ...over };
  }
}

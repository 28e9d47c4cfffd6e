// An audio worklet's module: a processor that trades blocks while it renders. It must not block.
import { Heap, type HeapHandle } from "kmem";
import { Barter, type BarterResult } from "./barter.ts";
import { Board } from "./board.ts";
import { type Refusal, refusal } from "./refusal.ts";

declare const currentFrame: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (options: { processorOptions: AudioTask }) => AudioWorkletProcessor,
): void;

/** What a processor is told. */
export interface AudioTask {
  readonly handle: HeapHandle;
  readonly boardMemory: SharedArrayBuffer;
  readonly thread: number;
  readonly limitBytes: number;
  /** The frame that rendering ends before. */
  readonly endFrame: number;
}

/** What it answers when it has rendered its last frames. */
export interface AudioResult extends BarterResult {
  /** Whether this thread could sleep in Atomics.wait. */
  readonly canBlock: boolean;
  /** What it got for a wait that would have had to sleep. */
  readonly waitRefusal: Refusal | undefined;
  /** How often it was asked to render. */
  readonly quanta: number;
}

const TRADES_PER_QUANTUM = 8;
const FRAMES_PER_QUANTUM = 128;
/** Longer than the thread computes before it would have to sleep, however slow it is. */
const WAIT_MS = 3_600_000;

function canBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

/** Of the heap, what two blocks cannot both have. */
const LARGE_SHARE = 0.6;

/** Waits for memory that the heap has, but not while this thread holds as much. */
function waitInVain(heap: Heap): Refusal | undefined {
  const sizeBytes = Math.floor(heap.buffer.byteLength * LARGE_SHARE);
  const held = heap.tryAlloc(sizeBytes);
  const found = refusal(() => heap.free(heap.allocWait(sizeBytes, { timeoutMs: WAIT_MS })));
  heap.free(held);
  return found;
}

class BarterProcessor extends AudioWorkletProcessor {
  readonly #heap: Heap;
  readonly #barter: Barter;
  readonly #endFrame: number;
  #quanta = 0;

  constructor({ processorOptions }: { processorOptions: AudioTask }) {
    super();
    const { handle, boardMemory, thread, limitBytes, endFrame } = processorOptions;
    this.#heap = Heap.attach(handle);
    this.#barter = new Barter(this.#heap, new Board(boardMemory), thread, limitBytes);
    this.#endFrame = endFrame;
  }

  process(): boolean {
    this.#barter.trade(TRADES_PER_QUANTUM);
    this.#quanta += 1;
    if (currentFrame + FRAMES_PER_QUANTUM < this.#endFrame) return true;
    const result: AudioResult = {
      ...this.#barter.result,
      canBlock: canBlock(),
      waitRefusal: waitInVain(this.#heap),
      quanta: this.#quanta,
    };
    this.#heap.detach();
    this.port.postMessage(result);
    return false;
  }
}

registerProcessor("barter", BarterProcessor);

// A heap that an audio worklet shares with the page and a dedicated worker.

import { checkHeap, Heap } from "kmem";
import type { AudioResult, AudioTask } from "./audio-processor.ts";
import { Barter, type BarterResult } from "./barter.ts";
import { Board } from "./board.ts";
import { type Picture, pictureOf } from "./share.ts";
import { workInTurns } from "./turns.ts";
import { WorkerThread } from "./worker-thread.ts";

const HEAP_BYTES = 16 * 1024 * 1024;
const LIMIT_BYTES = 10_000;
const SAMPLE_RATE = 48_000;
const TRADES_PER_TURN = 64;

/** Renders so many frames with the processor in a worklet, and gives its answer. */
async function renderAudio(task: AudioTask): Promise<AudioResult> {
  const context = new OfflineAudioContext({ length: task.endFrame, sampleRate: SAMPLE_RATE });
  await context.audioWorklet.addModule(new URL("./audio-processor.ts", import.meta.url));
  const node = new AudioWorkletNode(context, "barter", { numberOfInputs: 0, processorOptions: task });
  node.connect(context.destination);
  const result = new Promise<AudioResult>((resolve, reject) => {
    node.port.onmessage = ({ data }: MessageEvent<AudioResult>) => resolve(data);
    node.onprocessorerror = (event) => reject(new Error(`the processor failed: ${(event as ErrorEvent).message}`));
  });
  const [answer] = await Promise.all([result, context.startRendering()]);
  return answer;
}

/** How the test went. */
export interface AudioOutcome {
  readonly audio: AudioResult;
  /** The page's part and the worker's. */
  readonly parts: readonly BarterResult[];
  readonly before: Picture;
  readonly after: Picture;
  readonly findings: readonly unknown[];
}

/** Page, worker and worklet trade blocks for as long as the worklet renders; then everything is freed. */
export async function tradeWhileRendering(endFrame: number): Promise<AudioOutcome> {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const before = pictureOf(heap);
  const board = new Board();
  const own = new Barter(heap, board, 0, LIMIT_BYTES);
  const worker = new WorkerThread();
  await worker.call("attach", heap.handle);
  const others = worker.call("barter", board.memory, 1, LIMIT_BYTES);
  const trade = (): void => own.trade(TRADES_PER_TURN);

  // With the board full, the worklet has blocks of others to free from its first frame on.
  await workInTurns(trade, () => board.slowest(2) > board.cellCount);
  const task = { handle: heap.handle, boardMemory: board.memory, thread: 2, limitBytes: LIMIT_BYTES, endFrame };
  const rendering = renderAudio(task).finally(() => board.end());
  const [audio, part] = await Promise.all([rendering, others, workInTurns(trade, () => board.isOver)]);
  own.clearBoard();
  await worker.call("detach");
  worker.terminate();
  heap.trim();
  const findings = checkHeap(heap).findings;
  return { audio, parts: [own.result, part], before, after: pictureOf(heap), findings };
}

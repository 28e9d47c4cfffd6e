import { parentPort, workerData } from "node:worker_threads";
import { type Heap, type HeapHandle, OutOfMemoryError } from "kmem";
import { Board, Line, lineWord, OPERATIONS } from "./board.ts";
import { Labour, type LabourSetting } from "./labour.ts";
import { KILL_WORLDS, type KillWorld } from "./worlds.ts";

// A thread of a killing. A victim works until it is terminated; some of them detach in between and are killed in that.
// A survivor works until it is told to stop, and rests when it is told to.

/** What a thread is started with. */
export interface KillOrders extends LabourSetting {
  readonly handle: HeapHandle;
  /** Operations after which a victim frees all that it holds and detaches. */
  readonly detachAfter: number;
}

/** A survivor that rests looks up this often, should it miss the end of the rest. */
const REST_MS = 50;
/** A victim that finds no memory when it attaches tries again so much later. */
const TRY_AGAIN_MS = 1;

const orders = workerData as KillOrders;
const { isSurvivor, handle, board, thread, detachAfter } = orders;
const world = KILL_WORLDS.find(({ name }) => name === orders.world) as KillWorld;

/** Counted on the board too: a message of a thread that is killed may be lost. */
function onBug(bug: string): void {
  Atomics.add(board, Board.BUGS, 1);
  parentPort?.postMessage({ bug });
}

function note(operation: (typeof OPERATIONS)[number]): void {
  Atomics.store(board, lineWord(thread, Line.OPERATION), OPERATIONS.indexOf(operation));
}

/** Says that this thread could begin, and waits until it may. */
function awaitGate(): void {
  Atomics.store(board, lineWord(thread, Line.READY), 1);
  Atomics.wait(board, lineWord(thread, Line.GATE), 0);
}

function victim(): void {
  awaitGate();
  note("attach");
  const heap = attach();
  const labour = new Labour(heap, orders);
  for (let count = 0; count < detachAfter; count++) labour.workOnce();
  labour.freeAll();
  note("detach");
  heap.detach();
  note("detached");
}

/** Tries as long as there are no pages for the slot: that is an ordinary result where memory is short. */
function attach(): Heap {
  for (;;) {
    try {
      return world.attach(handle, onBug);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    Atomics.wait(board, lineWord(thread, Line.GATE), 1, TRY_AGAIN_MS);
  }
}

function survivor(): void {
  const heap = world.attach(handle, onBug);
  const labour = new Labour(heap, orders);
  awaitGate();
  while (Atomics.load(board, Board.STOP) === 0) {
    labour.workOnce();
    rest(labour);
  }
  awaitOthers();
  labour.freeAll();
  heap.detach();
}

/** Waits until no survivor works any more: each gives blocks to the slots of the others. */
function awaitOthers(): void {
  Atomics.add(board, Board.ENDING, 1);
  Atomics.notify(board, Board.ENDING);
  for (;;) {
    const count = Atomics.load(board, Board.ENDING);
    if (count === orders.heirSlots.length) return;
    Atomics.wait(board, Board.ENDING, count, REST_MS);
  }
}

/** Rests while the others look at the heap, when that is due. */
function rest(labour: Labour): void {
  const number = Atomics.load(board, Board.REST);
  if (number % 2 === 0) return;
  labour.verify();
  Atomics.add(board, Board.RESTING, 1);
  while (Atomics.load(board, Board.REST) === number) Atomics.wait(board, Board.REST, number, REST_MS);
  Atomics.sub(board, Board.RESTING, 1);
}

if (isSurvivor) survivor();
else victim();

import { DEFAULT_SLOT_COUNT, LockBits, MAX_SLOT_COUNT, SlotState } from "kmem/layout";
import { Drawing } from "./svg.ts";

const WORD_BITS = 32;

/** One buffer and the threads that work on it: the picture of the README. */
export function overviewDrawing(): string {
  const drawing = new Drawing({
    title: "One heap, many threads",
    description:
      "Three threads, each with a slot in one shared buffer. In its slot a thread has stacks of free blocks, " +
      "sheaves, which it uses with no lock. They trade halves with barns and slabs, which lie in pages. One thread " +
      "has been killed; what its slot held goes back to the slabs, and what it owned is listed.",
  });
  const threads = ["main thread", "worker", "worker, killed"];
  for (const [index, name] of threads.entries()) {
    const [x, isDead] = [40 + index * 250, index === threads.length - 1];
    drawing.box([x, 20, 200, 40], isDead ? "live" : "plain", [name]);
    drawing.arrow([x + 100, 60], [x + 100, 112]);
    drawing.text(x + 108, 86, isDead ? "terminate()" : "alloc, free: no lock", { look: "small", from: "start" });
    drawing.box([x, 114, 200, 56], isDead ? "live" : "free", [
      `slot ${index}: sheaves`,
      isDead ? "taken back, block by block" : "stacks of free blocks of its own",
    ]);
    drawing.arrow([x + 100, 170], [x + 100, 212]);
    drawing.text(x + 108, 192, isDead ? "recovery" : "half a sheaf at a time", { look: "small", from: "start" });
  }
  drawing.box([20, 100, 750, 240], "frame");
  drawing.box([40, 214, 700, 48], "table", [
    "barns and slabs of 72 size classes, and caches of your own",
    "a lock each",
  ]);
  drawing.box([40, 272, 700, 48], "table", [
    "pages: buddy lists, runs of any length",
    "one lock; tables that every dump has, too",
  ]);
  drawing.text(395, 356, "one SharedArrayBuffer, ArrayBuffer or WebAssembly.Memory: all state is in its bytes", {
    look: "small",
  });
  return drawing.svg(790, 374);
}

/** What a slot can be, and what makes it another. */
export function slotsDrawing(): string {
  const { FREE, RESERVED, HELD, DEAD } = SlotState;
  const drawing = new Drawing({
    title: "The states of a slot",
    description:
      `A slot is free (${FREE}), reserved (${RESERVED}), held by a thread (${HELD}) or dead (${DEAD}). Reserving and ` +
      "attaching lead from free to held, detaching back. A death is noted by whoever finds out, and after recovery " +
      "the slot is free again, unless blocks that carry its number are kept.",
  });
  const heading = `A slot, of ${DEFAULT_SLOT_COUNT} unless you say otherwise and ${MAX_SLOT_COUNT} at most`;
  drawing.text(20, 24, heading, { look: "strong", from: "start" });
  drawing.box([20, 60, 130, 50], "plain", [`free = ${FREE}`]);
  drawing.box([300, 60, 130, 50], "mark", [`reserved = ${RESERVED}`]);
  drawing.box([580, 60, 130, 50], "free", [`held = ${HELD}`]);
  drawing.box([300, 190, 130, 50], "live", [`dead = ${DEAD}`]);
  drawing.arrow([150, 76], [298, 76]);
  drawing.text(224, 64, "heap.reserve()", { look: "small" });
  drawing.arrow([430, 76], [578, 76]);
  drawing.text(504, 64, "Heap.attach(handle)", { look: "small" });
  drawing.arrow([645, 110], [645, 140], [85, 140], [85, 112]);
  drawing.text(224, 131, "heap.detach()", { look: "small" });
  drawing.arrow([365, 110], [365, 188]);
  drawing.text(373, 166, "its thread is gone", { look: "small", from: "start" });
  drawing.arrow([690, 110], [690, 215], [432, 215]);
  drawing.text(560, 204, "its thread is gone", { look: "small" });
  drawing.arrow([300, 215], [50, 215], [50, 112]);
  drawing.text(170, 204, "recovered, nothing kept", { look: "small" });
  return drawing.svg(740, 262);
}

/** A lock's word, and how it goes from thread to thread. */
export function lockDrawing(): string {
  const slotBits = Math.log2(LockBits.OWNER_SLOT_MASK + 1);
  const generationEnd = WORD_BITS - 2;
  const drawing = new Drawing({
    title: "A lock: its word and its states",
    description:
      `Bits 0 to ${slotBits - 1} of the word name a slot, bits ${LockBits.GENERATION_SHIFT} to ${generationEnd} its ` +
      "generation, the highest bit says that somebody waits. Free is 0. A waiter that finds the holder gone takes " +
      "the lock over, and repairs what it guards.",
  });
  drawing.text(20, 24, "The word of a lock", { look: "strong", from: "start" });
  drawing.box([20, 44, 90, 44], "mark", ["WAITED", `bit ${WORD_BITS - 1}`]);
  drawing.box([110, 44, 430, 44], "table", ["generation", `bits ${generationEnd} … ${LockBits.GENERATION_SHIFT}`]);
  drawing.box([540, 44, 180, 44], "table", ["slot + 1", `bits ${slotBits - 1} … 0`]);
  drawing.box([20, 170, 120, 50], "plain", [`free = ${LockBits.FREE}`]);
  drawing.box([230, 170, 130, 50], "free", ["held"]);
  drawing.box([450, 170, 130, 50], "mark", ["held, awaited"]);
  drawing.box([450, 280, 130, 50], "live", ["holder is gone"]);
  drawing.arrow([140, 186], [228, 186]);
  drawing.text(184, 176, "take", { look: "small" });
  drawing.arrow([230, 206], [142, 206]);
  drawing.text(184, 220, "release", { look: "small" });
  drawing.arrow([360, 195], [448, 195]);
  drawing.text(404, 184, "one waits", { look: "small" });
  drawing.arrow([515, 170], [515, 140], [80, 140], [80, 168]);
  drawing.text(300, 131, "release, and wake one", { look: "small" });
  drawing.arrow([515, 220], [515, 278]);
  drawing.text(523, 250, "worker.terminate()", { look: "small", from: "start" });
  drawing.arrow([450, 305], [295, 305], [295, 222]);
  drawing.text(372, 294, "taken over, repaired", { look: "small" });
  return drawing.svg(740, 350);
}

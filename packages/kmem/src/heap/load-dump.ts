import { adoptLayers } from "../kmalloc/adopt.ts";
import { openDump } from "../memory/dump.ts";
import { LinearMemory } from "../memory/memory.ts";
import { newBuffer } from "../memory/new-memory.ts";
import { type Attachment, newAttachment } from "./attachment.ts";
import { Heap } from "./heap.ts";
import { modeOf, requireMode } from "./open.ts";

/**
 * Opens a copy of a dumped heap, in a new buffer; its threads are gone, and locks that they held are taken over. Throws
 * BAD_ARGUMENT for a heap that is debugged or sampled, and as `Heap.attach` does.
 */
export function loadDump(dump: Uint8Array): Heap {
  return Heap.ofAttachment(loadAttachment(dump));
}

/** Opens a copy of a dumped heap, in a new buffer. */
export function loadAttachment(dump: Uint8Array, mode = 0): Attachment {
  const { memory, start } = copyOf(dump);
  requireMode(modeOf(memory, start), mode);
  return newAttachment(adoptLayers(memory, start));
}

/** Which of {@link MODES} a dumped heap has; 0 for a plain one. Throws as `loadDump` does. */
export function dumpMode(dump: Uint8Array): number {
  const { memory, start } = copyOf(dump);
  return modeOf(memory, start);
}

function copyOf(dump: Uint8Array): { memory: LinearMemory; start: number } {
  const opened = openDump(dump);
  // A page that is not isolated has no shared memory.
  const memory = new LinearMemory(newBuffer(opened.byteLength, typeof SharedArrayBuffer !== "undefined"));
  opened.copyTo(memory.bytes);
  return { memory, start: opened.start };
}

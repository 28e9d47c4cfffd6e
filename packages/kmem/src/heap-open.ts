import { type HeapHandle, isHandle, requireHandle } from "./handle.ts";
import type { HeapOptions } from "./heap-options.ts";
import { type Attachment, joinAttachment, newAttachment } from "./kmalloc/attachment.ts";
import { adoptLayers, attachLayers, createLayers } from "./kmalloc/layers.ts";
import { openDump } from "./memory/dump.ts";
import { KmemError } from "./memory/errors.ts";
import { requireByteOffset } from "./memory/geometry.ts";
import { headerWord, readHeader } from "./memory/header.ts";
import { Header, HeapFlag } from "./memory/layout.ts";
import { LinearMemory, type MemorySource } from "./memory/memory.ts";
import { newMemory } from "./memory/new-memory.ts";
import type { Reservation } from "./sync/reservation.ts";

/** Makes a heap in new or given memory; `flags` are {@link HeapFlag}s beside those that the options ask for. */
export function createAttachment(options: HeapOptions, flags = 0): Attachment {
  const { memory, extent } = newMemory(options);
  const { slotCount, dmaBytes, exactFrees = false } = options;
  const asked = exactFrees ? HeapFlag.EXACT_FREES : 0;
  return newAttachment(createLayers(memory, { ...extent, slotCount, dmaBytes }, { flags: asked | flags }));
}

/** Opens a heap that another thread made, with a slot of this thread; one whose blocks are debugged, or not. */
export function openAttachment(source: MemorySource | HeapHandle, start: number, isDebugged = false): Attachment {
  if (!isHandle(source)) return openAt(source, start, isDebugged);
  requireHandle(source);
  return openAt(source.memory, source.start, isDebugged, source.place);
}

function openAt(source: MemorySource, start: number, isDebugged: boolean, place?: Reservation): Attachment {
  const memory = new LinearMemory(source);
  requireByteOffset("start", start);
  const geometry = readHeader(memory, start);
  requireDebugged((memory.words[headerWord(geometry, Header.FLAGS)] & HeapFlag.DEBUGGED) !== 0, isDebugged);
  const joined = place === undefined ? joinAttachment(memory, geometry.baseFrame) : undefined;
  return joined ?? newAttachment(attachLayers(memory, start, place));
}

/** Opens a copy of a dumped heap, in a new buffer. */
export function loadAttachment(dump: Uint8Array, isDebugged = false): Attachment {
  const opened = openDump(dump);
  // A page that is not isolated has no shared memory.
  const Buffer = typeof SharedArrayBuffer === "undefined" ? ArrayBuffer : SharedArrayBuffer;
  const memory = new LinearMemory(new Buffer(opened.byteLength));
  opened.copyTo(memory.bytes);
  const geometry = readHeader(memory, opened.start);
  requireDebugged((memory.words[headerWord(geometry, Header.FLAGS)] & HeapFlag.DEBUGGED) !== 0, isDebugged);
  return newAttachment(adoptLayers(memory, opened.start));
}

/** The blocks of a debugged heap have bytes around them that a plain one would take for the user's. */
function requireDebugged(isDebugged: boolean, isWanted: boolean): void {
  if (isDebugged === isWanted) return;
  const text = isDebugged
    ? "this heap is debugged: open it with DebugHeap, from kmem/debug"
    : "this heap is not debugged: open it with Heap";
  throw new KmemError("BAD_ARGUMENT", text, {});
}

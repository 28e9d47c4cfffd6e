import { attachLayers } from "../kmalloc/attach.ts";
import { createLayers, THREADS } from "../kmalloc/open-layers.ts";
import { badArgument } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { requireByteOffset } from "../memory/geometry.ts";
import { headerWord, readHeader } from "../memory/header.ts";
import { Header, HeapFlag } from "../memory/layout.ts";
import { isMemorySource, LinearMemory, type MemorySource } from "../memory/memory.ts";
import { newMemory } from "../memory/new-memory.ts";
import { type Attachment, forgetFormer, joinAttachment, newAttachment } from "./attachment.ts";
import { type HeapHandle, isHandle, type OpenedHandle, openHandle } from "./handle.ts";
import { cacheCountOfOptions, type HeapOptions, shapesOfOptions } from "./options.ts";

/** Makes a heap in new or given memory; `flags` are {@link HeapFlag}s beside those that the options ask for. */
export function createAttachment(options: HeapOptions, flags = 0): Attachment {
  const { memory, extent } = newMemory(options);
  const { slotCount, dmaBytes, exactFrees = false } = options;
  const asked = exactFrees ? HeapFlag.EXACT_FREES : 0;
  const shapes = shapesOfOptions(options);
  const counts = { slotCount, cacheCount: cacheCountOfOptions(options) };
  const layers = createLayers(memory, { ...extent, ...counts, dmaBytes, shapes }, { flags: asked | flags }, THREADS);
  if (options.memory !== undefined) forgetFormer(layers);
  return newAttachment(layers);
}

/** Which of {@link MODES} the heap of a handle or a memory has; 0 for a plain one. Throws as `Heap.attach` does. */
export function attachedMode(source: MemorySource | HeapHandle, start: number): number {
  requireByteOffset("start", start);
  if (!isHandle(source)) return modeOf(attachedMemory(source), start);
  const handle = openHandle(source);
  return modeOf(new LinearMemory(handle.memory), handle.start);
}

/** Flags that say which class of heap opens it. */
const MODES: number = HeapFlag.DEBUGGED | HeapFlag.SAMPLED;

/** Opens a heap that another thread made, with a slot of this thread; `mode` is the one of {@link MODES} it has. */
export function openAttachment(source: MemorySource | HeapHandle, start: number, mode = 0): Attachment {
  requireByteOffset("start", start);
  if (!isHandle(source)) return openAt(attachedMemory(source), { start, id: undefined, place: undefined }, mode);
  const handle = openHandle(source);
  const memory = new LinearMemory(handle.memory);
  if (!memory.isShared && !handle.isOriginal) throw notShared();
  return openAt(memory, handle, mode);
}

/** A memory without a handle. What is neither is most often a handle that did not arrive. */
function attachedMemory(source: MemorySource): LinearMemory {
  if (isMemorySource(source)) return new LinearMemory(source);
  throw badArgument("source", "the handle of a heap, a buffer or a WebAssembly.Memory", source);
}

function notShared(): KmemError {
  const text =
    "this heap is not shared: the memory in the handle is a copy of its own, or was moved here. A heap for several " +
    "threads is made with shared: true, the default; one that was moved is opened by its memory, not by a handle";
  return new KmemError("BAD_ARGUMENT", text, {});
}

function openAt(
  memory: LinearMemory,
  { start, id, place }: Pick<OpenedHandle, "start" | "id" | "place">,
  mode: number,
): Attachment {
  requireMode(modeOf(memory, start), mode);
  const joined = place === undefined ? joinAttachment({ memory, geometry: readHeader(memory, start), id }) : undefined;
  return joined ?? newAttachment(attachLayers(memory, start, place), id);
}

/** Which of {@link MODES} the heap at byte `start` of a memory has; 0 for a plain one. */
export function modeOf(memory: LinearMemory, start: number): number {
  return memory.words[headerWord(readHeader(memory, start), Header.FLAGS)] & MODES;
}

/** The blocks of a debugged heap have bytes around them that a plain one would take for the user's. */
export function requireMode(mode: number, wanted: number): void {
  if (mode === wanted) return;
  const needed =
    mode === HeapFlag.DEBUGGED
      ? "is debugged: open it with DebugHeap, from kmem/debug"
      : mode === HeapFlag.SAMPLED
        ? "is sampled: open it with SampledHeap, from kmem/debug"
        : "is a plain one: open it with Heap";
  throw new KmemError("BAD_ARGUMENT", `this heap ${needed}`, {});
}

import { KmallocSlowPath } from "../kmalloc/kmalloc.ts";
import { closeLayers, type Layers } from "../kmalloc/layers.ts";
import { MemoryWait } from "../kmalloc/memory-wait.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import type { Geometry } from "../memory/header.ts";
import { ADDRESS_SPACE_BYTES, WORD_BYTES } from "../memory/layout.ts";
import type { LinearMemory, MemorySource } from "../memory/memory.ts";
import { SlotRecord } from "../sync/layout.ts";
import { isHeld } from "../sync/slot-sync.ts";

/** What a thread has of a heap: its slot and all that works through it. Every `Heap` object of the thread shares it. */
export interface Attachment {
  readonly layers: Layers;
  readonly kmalloc: KmallocSlowPath;
  readonly waits: MemoryWait;
  /** `Heap` objects that have not been detached. */
  users: number;
}

/** The attachments of this thread, oldest first: they last as long as a `Heap`, or an object for their memory. */
const attachments = new Set<WeakRef<Attachment>>();
/** Keeps attachments, until `detach`, for as long as there is an object for their memory. */
const keepers = new WeakMap<MemorySource, Set<Attachment>>();

/** All attachments that this thread has made, to tell them from what a caller makes up. */
const made = new WeakSet<object>();

/** Throws BAD_ARGUMENT for what is no attachment: heaps are made by functions of their classes. */
export function requireAttachment(attachment: object): Attachment {
  if (made.has(attachment)) return attachment as Attachment;
  throw new KmemError("BAD_ARGUMENT", "a heap is made by create, attach or load of its class", {});
}

/** Marks an attachment as one of this library's. */
export function markMade(attachment: Attachment): Attachment {
  made.add(attachment);
  return attachment;
}

/** See {@link heapId}. */
const ids = new WeakMap<Layers, number>();

function keep(source: MemorySource, attachment: Attachment): void {
  const kept = keepers.get(source) ?? new Set();
  keepers.set(source, kept.add(attachment));
}

/** A memory in which a heap is, and the name that a handle has for that. */
export interface HeapPlace {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  /** {@link heapId} of the thread that the handle came from first; undefined where there is no handle. */
  readonly id: number | undefined;
}

/** The attachments to a heap; references to what is gone are dropped on the way. */
function attachmentsTo(place: HeapPlace): Attachment[] {
  const found: Attachment[] = [];
  for (const reference of attachments) {
    const attachment = reference.deref();
    if (attachment === undefined) attachments.delete(reference);
    else if (isOf(attachment.layers, place)) found.push(attachment);
  }
  return found;
}

function forget(attachment: Attachment): void {
  keepers.get(attachment.layers.memory.source)?.delete(attachment);
  for (const reference of attachments) if (reference.deref() === attachment) attachments.delete(reference);
}

/** Registers layers that have just been opened; `id` is of the handle that they were opened by. */
export function newAttachment(layers: Layers, id: number = Math.random()): Attachment {
  const kmalloc = new KmallocSlowPath(layers);
  const attachment = markMade({ layers, kmalloc, waits: new MemoryWait(layers, kmalloc), users: 1 });
  ids.set(layers, id);
  const { size } = attachments;
  // Now and then, so that references to what is gone do not pile up.
  if ((size & (size - 1)) === 0) attachmentsTo({ ...layers, id: undefined });
  attachments.add(new WeakRef(attachment));
  keep(layers.memory.source, attachment);
  return attachment;
}

/** A number for the heap of some layers that all handles have which come from one: by it a thread knows them again. */
export function heapId(layers: Layers): number | undefined {
  return ids.get(layers);
}

/** Forgets what this thread had of a heap that stood where one has just been made. */
export function forgetFormer({ memory, geometry }: Layers): void {
  for (const former of attachmentsTo({ memory, geometry, id: undefined })) forget(former);
}

/**
 * Joins what this thread has of a heap, or returns undefined where it has nothing. Of several slots that the thread
 * holds there, by reservations, the one that it has had longest. O(attachments).
 */
export function joinAttachment(place: HeapPlace): Attachment | undefined {
  const [attachment] = attachmentsTo(place);
  if (attachment === undefined) return undefined;
  attachment.users++;
  keep(place.memory.source, attachment);
  return attachment;
}

/**
 * Whether layers of this thread are of that heap. A memory that came with a handle is another object than the one that
 * the thread has had before.
 */
function isOf(layers: Layers, { memory: other, geometry: { baseFrame }, id }: HeapPlace): boolean {
  const { memory, geometry, sync } = layers;
  if (geometry.baseFrame !== baseFrame) return false;
  if (memory.source === other.source) return isHeld(memory.words, sync);
  if (id === undefined || ids.get(layers) !== id || !other.isShared) return false;
  return isHeld(memory.words, sync) && hasSameBytes(layers, other.buffer);
}

/**
 * Whether a buffer has the bytes of the memory of some layers, though it is another object: one that shared memory had
 * before it grew, or that came with a handle. The slot is this thread's. What is stored through one is looked for
 * through the other.
 */
export function hasSameBytes({ memory, slots, slot }: Layers, buffer: ArrayBufferLike): boolean {
  const isShared = typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer;
  const probe = slots.word(slot, SlotRecord.PROBE);
  if (!memory.isShared || !isShared || probe >= buffer.byteLength / WORD_BYTES) return false;
  const words = new Int32Array(buffer, 0, Math.floor(Math.min(buffer.byteLength, ADDRESS_SPACE_BYTES) / WORD_BYTES));
  const before = Atomics.load(words, probe);
  Atomics.add(memory.words, probe, 1);
  const isSame = Atomics.load(words, probe) !== before;
  Atomics.sub(memory.words, probe, 1);
  return isSame;
}

/** Ends one use; the last one gives the slot back with all that it held. What destructors throw comes at the end. */
export function leaveAttachment(attachment: Attachment): void {
  attachment.users--;
  if (attachment.users > 0) return;
  const { layers, kmalloc } = attachment;
  forget(attachment);
  layers.memory.refresh();
  layers.pages.frames.follow();
  const errors = new FirstError();
  if (layers.slots.takenCount <= 1) errors.run(() => kmalloc.trim());
  closeLayers(layers);
  errors.rethrow();
}

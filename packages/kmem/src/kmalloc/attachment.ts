import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import type { LinearMemory, MemorySource } from "../memory/memory.ts";
import { Kmalloc } from "./kmalloc.ts";
import { closeLayers, type Layers } from "./layers.ts";
import { MemoryWait } from "./memory-wait.ts";

/** What a thread has of a heap: its slot and all that works through it. Every `Heap` object of the thread shares it. */
export interface Attachment {
  readonly layers: Layers;
  readonly kmalloc: Kmalloc;
  readonly waits: MemoryWait;
  /** `Heap` objects that have not been detached. */
  users: number;
}

/** The attachments of this thread, by the memory and the frame at which the heap begins. */
const attachments = new WeakMap<MemorySource, Map<number, Attachment>>();

/** All attachments that this thread has made, to tell them from what a caller makes up. */
const made = new WeakSet<Attachment>();

/** Throws BAD_ARGUMENT for what is no attachment: heaps are made by functions of their classes. */
export function requireAttachment(attachment: Attachment): void {
  if (made.has(attachment)) return;
  throw new KmemError("BAD_ARGUMENT", "a heap is made by create, attach or load of its class", {});
}

/** Registers layers that have just been opened, in place of those of a heap that stood there before. */
export function newAttachment(layers: Layers): Attachment {
  const { memory, geometry } = layers;
  const kmalloc = new Kmalloc(layers);
  const attachment = { layers, kmalloc, waits: new MemoryWait(layers, kmalloc), users: 1 };
  made.add(attachment);
  const ofMemory = attachments.get(memory.source) ?? new Map<number, Attachment>();
  attachments.set(memory.source, ofMemory.set(geometry.baseFrame, attachment));
  return attachment;
}

/** Joins what this thread has of the heap at a frame of a memory, or returns undefined where it has nothing. */
export function joinAttachment(memory: LinearMemory, baseFrame: number): Attachment | undefined {
  const attachment = attachments.get(memory.source)?.get(baseFrame);
  if (attachment !== undefined) attachment.users++;
  return attachment;
}

/** Ends one use; the last one gives the slot back with all that it held. What destructors throw comes at the end. */
export function leaveAttachment(attachment: Attachment): void {
  attachment.users--;
  if (attachment.users > 0) return;
  const { layers, kmalloc } = attachment;
  const ofMemory = attachments.get(layers.memory.source);
  const { baseFrame } = layers.geometry;
  if (ofMemory?.get(baseFrame) === attachment) ofMemory.delete(baseFrame);
  layers.memory.refresh();
  const errors = new FirstError();
  if (layers.slots.heldCount <= 1) errors.run(() => kmalloc.trim());
  closeLayers(layers);
  errors.rethrow();
}

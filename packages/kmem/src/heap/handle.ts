import { badArgument, describeValue, reading } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { LAYOUT_VERSION, PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory, MemorySource } from "../memory/memory.ts";
import { type Reservation, requireReservation } from "../sync/reservation.ts";

/** What tells a handle from other objects. */
const HANDLE_KIND = "kmem heap";

/**
 * Where the handle of a heap in memory that is not shared has its memory once more. A copy by postMessage or
 * structuredClone has no symbols: by that one knows a handle whose memory was copied with it.
 */
const ORIGINAL: unique symbol = Symbol.for("kmem: the memory of this handle is no copy");

/** A heap as it goes through postMessage: plain data and the memory itself. */
export interface HeapHandle {
  /** What it is: it tells a handle from other messages. */
  readonly kind: "kmem heap";
  /** The layout of the library that made it; another one refuses it. */
  readonly layoutVersion: number;
  /** The memory that the heap lives in. */
  readonly memory: MemorySource;
  /** The byte at which the heap begins. */
  readonly start: number;
  /** A number that all handles have which come from one: by it a thread knows that it has the heap already. */
  readonly id: number;
  /** The slot that is reserved for the thread that gets the handle; without it the thread takes a free one. */
  readonly place?: Reservation;
}

/** A handle that was verified, as far as that is possible without its memory. */
export interface OpenedHandle {
  readonly memory: MemorySource;
  readonly start: number;
  readonly id: number | undefined;
  readonly place: Reservation | undefined;
  /** Whether the memory is the one that the handle was made with, should it not be shared. */
  readonly isOriginal: boolean;
}

/** The handle of the heap that begins at byte `start` of a memory. */
export function makeHandle({ source, isShared }: LinearMemory, start: number, id: number): HeapHandle {
  const handle: HeapHandle = { kind: HANDLE_KIND, layoutVersion: LAYOUT_VERSION, memory: source, start, id };
  return isShared ? handle : Object.assign(handle, { [ORIGINAL]: source });
}

/** Whether a value looks like a handle, of this version or another. */
export function isHandle(value: unknown): value is HeapHandle {
  if (typeof value !== "object" || value === null) return false;
  return reading("source", value, () => (value as { kind?: unknown }).kind) === HANDLE_KIND;
}

/**
 * Reads a handle, each field once. Throws WRONG_VERSION for one of another layout, and BAD_ARGUMENT for one without a
 * memory, with a start that no heap has, or with a place that is no reservation.
 */
export function openHandle(handle: HeapHandle): OpenedHandle {
  const { layoutVersion, memory, start, id, place } = reading("handle", handle, () => ({
    layoutVersion: handle.layoutVersion,
    memory: handle.memory,
    start: handle.start,
    id: handle.id,
    place: handle.place,
  }));
  if (layoutVersion !== LAYOUT_VERSION) {
    const text = `the handle is of layout version ${describeValue(layoutVersion)}, this library's is ${LAYOUT_VERSION}`;
    throw new KmemError("WRONG_VERSION", text, { found: layoutVersion, expected: LAYOUT_VERSION });
  }
  const isStart = typeof start === "number" && start >>> 0 === start && start % PAGE_SIZE === 0;
  if (typeof memory !== "object" || memory === null || !isStart) {
    const found = `${describeValue(memory)} at ${describeValue(start)}`;
    throw new KmemError("BAD_ARGUMENT", `a handle holds a memory and where its heap begins, not ${found}`, {});
  }
  // Handles that were written down by hand have none.
  if (id !== undefined && typeof id !== "number") throw badArgument("handle.id", "a number", id);
  const isOriginal = (handle as { [ORIGINAL]?: unknown })[ORIGINAL] === memory;
  return { memory, start, id, place: place === undefined ? undefined : requireReservation(place), isOriginal };
}

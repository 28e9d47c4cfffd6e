import { describeValue } from "./memory/arguments.ts";
import { hex, KmemError } from "./memory/errors.ts";
import { LAYOUT_VERSION } from "./memory/layout.ts";
import type { MemorySource } from "./memory/memory.ts";
import type { Reservation } from "./sync/reservation.ts";

/** What tells a handle from other objects. */
const HANDLE_KIND = "kmem heap";

/** A heap as it goes through postMessage: plain data and the memory itself. */
export interface HeapHandle {
  readonly kind: "kmem heap";
  /** The layout of the library that made it; another one refuses it. */
  readonly layoutVersion: number;
  readonly memory: MemorySource;
  /** The byte at which the heap begins. */
  readonly start: number;
  /** The slot that is reserved for the thread that gets the handle; without it the thread takes a free one. */
  readonly place?: Reservation;
}

/** The handle of the heap that begins at byte `start` of a memory. */
export function makeHandle(memory: MemorySource, start: number): HeapHandle {
  return { kind: HANDLE_KIND, layoutVersion: LAYOUT_VERSION, memory, start };
}

/** Whether a value looks like a handle, of this version or another. */
export function isHandle(value: unknown): value is HeapHandle {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === HANDLE_KIND;
}

/** Throws WRONG_VERSION for the handle of another layout, BAD_ARGUMENT for one without a memory. */
export function requireHandle({ layoutVersion, memory, start }: HeapHandle): void {
  if (layoutVersion !== LAYOUT_VERSION) {
    const text = `the handle is of layout version ${layoutVersion}, this library's is ${LAYOUT_VERSION}`;
    throw new KmemError("WRONG_VERSION", text, { found: layoutVersion, expected: LAYOUT_VERSION });
  }
  if (typeof memory === "object" && memory !== null && start >>> 0 === start) return;
  throw new KmemError("BAD_ARGUMENT", `a handle holds a memory, not ${describeValue(memory)} at ${hex(start)}`, {});
}

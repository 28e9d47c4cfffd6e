import type { TrackedMemory } from "./tracked-memory.ts";

/** What an access does to its place. */
export const Effect = {
  NONE: 0,
  READ: 1,
  WRITE: 2,
  /** It enters or leaves the queue of those who sleep at the place, or wakes them. */
  QUEUE: 4,
  /** It takes a lock, which has to be free. */
  LOCK: 8,
  /** It gives a lock back. */
  UNLOCK: 16,
} as const;

/** A place in memory that something is done to. */
export interface Place {
  readonly memory: TrackedMemory | undefined;
  readonly first: number;
  readonly end: number;
  readonly effect: number;
}

const { WRITE, QUEUE, LOCK } = Effect;
const readOrWrite: number = Effect.READ | Effect.WRITE;
const lockOrUnlock: number = Effect.LOCK | Effect.UNLOCK;

/**
 * Whether the order of the two accesses can matter. Taking a lock and giving it back cannot change places: the order of
 * two takings says it all.
 */
export function isConflict(a: Place, b: Place): boolean {
  if (a.memory !== b.memory || a.memory === undefined || a.first >= b.end || b.first >= a.end) return false;
  if ((a.effect & WRITE) !== 0 && (b.effect & readOrWrite) !== 0) return true;
  if ((b.effect & WRITE) !== 0 && (a.effect & readOrWrite) !== 0) return true;
  if ((a.effect & b.effect & (QUEUE | LOCK)) !== 0) return true;
  const isLock = (a.effect & lockOrUnlock) !== 0;
  return isLock !== ((b.effect & lockOrUnlock) !== 0) && ((isLock ? b : a).effect & readOrWrite) !== 0;
}

/** What a virtual thread does next, and is to be carried out when the scheduler says so. */
export const Request = {
  LOAD: 0,
  STORE: 1,
  ATOMIC: 2,
  WAIT: 3,
  NOTIFY: 4,
  PAUSE: 5,
  BUFFER: 6,
  GROW: 7,
  /** To go on after a sleep: woken, or because the time is over. */
  RESUME: 8,
  LOCK: 9,
  UNLOCK: 10,
} as const;
export type RequestKind = (typeof Request)[keyof typeof Request];

export const REQUEST_NAMES: readonly string[] = [
  "load",
  "store",
  "atomic",
  "wait",
  "notify",
  "pause",
  "buffer",
  "grow",
  "resume",
  "lock",
  "unlock",
];

export interface PendingAccess extends Place {
  readonly request: RequestKind;
  readonly site: number;
  /** A typed array or a WebAssembly.Memory. */
  readonly target: unknown;
  readonly index: number;
  /** Name of the function of Atomics. */
  readonly atomic: string;
  readonly operands: readonly unknown[];
}

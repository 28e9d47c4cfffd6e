import { describeValue, reading } from "../memory/arguments.ts";
import { type Registration, registration } from "../memory/dispose.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import type { UserCalls } from "../memory/user-calls.ts";

/** A cache of the user's that can give memory back when it is short, as Linux's shrinkers do. */
export interface Shrinker {
  /** What it is called in errors. */
  readonly name: string;
  /** How many objects could be freed now; 0 for none. */
  count(): number;
  /** Frees up to so many objects and returns how many it did; fewer than 1 end this round. */
  scan(objects: number): number;
}

/** Objects that a shrinker is asked for at a time: Linux's SHRINK_BATCH. */
const SHRINK_BATCH = 128;

/** The shrinkers of one thread: functions cannot be shared. */
export class Shrinkers {
  readonly #users = new Set<Shrinker>();
  readonly #heaps = new Set<Shrinker>();
  readonly #userCalls: UserCalls;
  #isShrinking = false;
  #isPaused = false;

  constructor(userCalls: UserCalls) {
    this.#userCalls = userCalls;
  }

  /** Adds a shrinker; the result takes it away again. Throws BAD_ARGUMENT for anything else. */
  add(shrinker: Shrinker): Registration {
    const { name, count, scan } = requireShrinker(shrinker);
    // Wrapped, so that one that is added twice counts twice.
    const entry: Shrinker = {
      name,
      count: () => requireNumber(name, "count", count.call(shrinker)),
      scan: (objects) => requireNumber(name, "scan", scan.call(shrinker, objects)),
    };
    this.#users.add(entry);
    return registration(() => this.#users.delete(entry));
  }

  /**
   * Adds a shrinker of the heap itself; the result takes it away again. It runs in bounded time, so that requests that
   * may not wait ask it too.
   */
  addInternal(shrinker: Shrinker): Registration {
    this.#heaps.add(shrinker);
    return registration(() => this.#heaps.delete(shrinker));
  }

  /** Does something within which no shrinker of the user's is asked: for callers that nothing may keep waiting. */
  pause<Result>(work: () => Result): Result {
    const before = this.#isPaused;
    this.#isPaused = true;
    try {
      return work();
    } finally {
      this.#isPaused = before;
    }
  }

  /**
   * Asks every shrinker to free what it can, a batch at a time; returns the objects freed. A scan that runs out of
   * memory itself does not come here again. No lock is held meanwhile. What one throws, also BAD_ARGUMENT where it
   * answers with no number, is thrown when all have been asked, and ends the call that came here.
   */
  shrink(): number {
    return this.#ask(this.#isPaused ? [this.#heaps] : [this.#heaps, this.#users]);
  }

  /** As {@link shrink}, with the heap's own shrinkers alone, which run in bounded time. */
  shrinkInternal(): number {
    return this.#ask([this.#heaps]);
  }

  #ask(sets: readonly ReadonlySet<Shrinker>[]): number {
    if (this.#isShrinking) return 0;
    this.#isShrinking = true;
    const errors = new FirstError();
    let freed = 0;
    for (const set of sets) {
      // Those that are added meanwhile are asked the next time: one that adds itself again would never end.
      for (const shrinker of [...set]) {
        errors.run(() => {
          if (set.has(shrinker)) freed += this.#userCalls.within(() => scanAll(shrinker));
        });
      }
    }
    this.#isShrinking = false;
    errors.rethrow();
    return freed;
  }
}

/** Has a shrinker free all that it can, a batch at a time; returns the objects freed. */
function scanAll(shrinker: Shrinker): number {
  let freed = 0;
  let left = shrinker.count();
  while (left > 0) {
    const done = shrinker.scan(Math.min(left, SHRINK_BATCH));
    if (!(done > 0)) break;
    freed += done;
    left -= done;
  }
  return freed;
}

function requireShrinker(value: unknown): Shrinker {
  const { name, count, scan } = reading("shrinker", value, () => {
    const given = Object(value) as Partial<Record<keyof Shrinker, unknown>>;
    return { name: given.name, count: given.count, scan: given.scan };
  });
  const isName = name === undefined || typeof name === "string";
  if (isName && typeof count === "function" && typeof scan === "function") {
    return { name: name ?? "", count: count as Shrinker["count"], scan: scan as Shrinker["scan"] };
  }
  const text = `a shrinker has a name and the functions count and scan, and ${describeValue(value)} has not`;
  throw new KmemError("BAD_ARGUMENT", text, {});
}

function requireNumber(name: string, call: string, value: unknown): number {
  if (typeof value === "number") return value;
  const text = `${call} of the shrinker "${name}" answers with a number, not ${describeValue(value)}`;
  throw new KmemError("BAD_ARGUMENT", text, { name });
}

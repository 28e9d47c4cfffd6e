import { Effect, isConflict } from "../runtime/access.ts";
import type { Event } from "./machine.ts";

/**
 * An event with its vector clock: for each thread, how many of its events are known to happen before this one or are
 * it. Two events whose order can matter are always ordered by their clocks.
 */
export interface ClockedEvent extends Event {
  readonly clock: readonly number[];
}

/** log2 of the bytes that share an entry of the index: no access is wider, none lies across two. */
const BUCKET_SHIFT = 3;
/** Buckets of one memory. */
const BUCKETS_PER_MEMORY = 2 ** 30;

/** The events of a run so far, with what happens before what. */
export class Trace {
  readonly events: ClockedEvent[] = [];
  /** Numbers of the events of each bucket of memory, and of each thread, oldest first. */
  readonly #buckets = new Map<number, number[]>();
  readonly #ofThreads: number[][] = [];

  /** Forgets all events from number `length` on. */
  truncate(length: number): void {
    while (this.events.length > length) {
      const event = this.events.pop() as ClockedEvent;
      this.#ofThreads[event.thread]?.pop();
      if (event.memory !== undefined) this.#bucketOf(event).pop();
    }
  }

  /** Adds an event; returns the numbers of the earlier ones whose order with it could be the other way round. */
  add(event: Event, threadCount: number): number[] {
    const { events } = this;
    const { thread, releasedBy } = event;
    const clock: number[] = new Array(threadCount).fill(0);
    this.#ofThreads[thread] ??= [];
    const own = this.#ofThreads[thread];
    const previous = own.at(-1);
    if (previous !== undefined) join(clock, (events[previous] as ClockedEvent).clock);
    // Who took the lock before could have come second: a race, though its unlocking came in between.
    const isLock = (event.effect & Effect.LOCK) !== 0;
    if (releasedBy >= 0 && !isLock) join(clock, (events[releasedBy] as ClockedEvent).clock);
    const races = this.#conflicts(event, clock);
    if (releasedBy >= 0 && isLock) join(clock, (events[releasedBy] as ClockedEvent).clock);
    clock[thread] = (clock[thread] as number) + 1;
    own.push(events.length);
    events.push({ ...event, clock });
    return races;
  }

  /** Orders an event behind those that it conflicts with; returns the ones that nothing else orders before it. */
  #conflicts(event: Event, clock: number[]): number[] {
    if (event.memory === undefined) return [];
    const numbers = this.#bucketOf(event);
    const races: number[] = [];
    for (let position = numbers.length - 1; position >= 0; position--) {
      const earlier = this.events[numbers[position] as number] as ClockedEvent;
      if ((earlier.clock[earlier.thread] as number) <= (clock[earlier.thread] as number)) continue;
      if (!isConflict(earlier, event)) continue;
      races.push(numbers[position] as number);
      join(clock, earlier.clock);
    }
    numbers.push(this.events.length);
    return races;
  }

  #bucketOf({ memory, first }: Event): number[] {
    const key = (memory?.number ?? 0) * BUCKETS_PER_MEMORY + (first >>> BUCKET_SHIFT);
    let numbers = this.#buckets.get(key);
    if (numbers === undefined) {
      numbers = [];
      this.#buckets.set(key, numbers);
    }
    return numbers;
  }
}

/** Whether `earlier` happens before `later`, or is it. */
function happensBefore(earlier: ClockedEvent, later: ClockedEvent): boolean {
  return (earlier.clock[earlier.thread] as number) <= (later.clock[earlier.thread] as number);
}

function join(clock: number[], other: readonly number[]): void {
  for (let thread = 0; thread < clock.length; thread++) {
    if ((other[thread] as number) > (clock[thread] as number)) clock[thread] = other[thread] as number;
  }
}

/**
 * The threads that could begin, right before event `number`, a run in which the newest event comes first: those whose
 * first event, among the ones that do not depend on event `number`, depends on no other of these.
 */
export function initialThreads(events: readonly ClockedEvent[], number: number): number {
  const earlier = events[number] as ClockedEvent;
  const firsts: ClockedEvent[] = [];
  let initials = 0;
  for (let later = number + 1; later < events.length && firsts.length < earlier.clock.length - 1; later++) {
    const event = events[later] as ClockedEvent;
    if (later < events.length - 1 && happensBefore(earlier, event)) continue;
    if (firsts.some((first) => first.thread === event.thread)) continue;
    // Whatever an event depends on depends on, or is, the first event of some thread.
    if (!firsts.some((first) => happensBefore(first, event))) initials |= 1 << event.thread;
    firsts.push(event);
  }
  return initials;
}

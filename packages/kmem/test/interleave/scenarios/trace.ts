import { layersOf } from "../../../src/heap/access.ts";
import { SlotRecord, SlotState } from "../../../src/sync/layout.ts";
import { stateWord } from "../../../src/sync/state-word.ts";
import { TraceKind } from "../../../src/trace/layout.ts";
import type * as ReaderModule from "../../../src/trace/reader.ts";
import type * as RingModule from "../../../src/trace/ring.ts";
import { call } from "../call.ts";
import { type Outcome, type Scenario, unexpectedEnds } from "../explore/scenario.ts";
import type { Realm } from "../library.ts";
import { event } from "../runtime/steps.ts";
import { stateProblems } from "./conservation.ts";
import { type Heap, type Heaps, type Kmem, memoriesOf } from "./kmem.ts";

type Ring = RingModule.TraceRing;
type Reader = ReaderModule.TraceReader;
type Event = ReaderModule.TraceEvent;

/** Modules that have to be loaded for these scenarios. */
export const TRACE_ENTRIES: readonly string[] = ["trace/ring.ts", "trace/reader.ts"];
/** Rings of so few places as a scenario asks for, so that writers meet in them. */
export const SMALL_RINGS: Readonly<Record<string, string>> = { "trace/layout.ts TRACE_EVENTS_MIN": "1" };

/** Accesses of one write to what threads share, and more: a thread that dies after so many has written it all. */
export const WRITE_ACCESSES = 18;

interface Traced extends Heaps {
  readonly rings: readonly Ring[];
}

/** What a reader says at its end. */
interface Reading {
  readonly events: readonly Event[];
  readonly lostCount: number;
  readonly pendingCount: number;
}

/** Stands for no place in the sources. */
const WORK_SITE = -1;
/** Every field of an event is another multiple of the number that its writer gave it. */
const FACTORS = { ptr: 3, bytesReq: 5, bytesAlloc: 7, gfp: 11, name: 13, callSite: 17, node: 19 } as const;
const NUMBERS_PER_THREAD = 100;
const FIRST_NUMBER = 1000;
/** What the survivor writes last. */
const LAST_NUMBER = 1;

function write(ring: Ring, number: number): Generator<unknown, void> {
  const { ptr, bytesReq, bytesAlloc, gfp, name, callSite, node } = FACTORS;
  const [first, second] = [number * ptr, number * bytesReq];
  const [third, fourth, fifth] = [number * bytesAlloc, number * gfp, number * name];
  const [sixth, last] = [number * callSite, number * node];
  return call(ring, "write", TraceKind.KMALLOC, first, second, third, fourth, fifth, sixth, last);
}

function numberOf(thread: number, count: number): number {
  return FIRST_NUMBER + thread * NUMBERS_PER_THREAD + count;
}

function isTorn(found: Event): boolean {
  const number = found.ptr / FACTORS.ptr;
  const isOfWriter = number === LAST_NUMBER || Math.floor((number - FIRST_NUMBER) / NUMBERS_PER_THREAD) === found.slot;
  return !isOfWriter || Object.entries(FACTORS).some(([field, by]) => found[field as keyof Event] !== number * by);
}

function setUpWith(kmem: Kmem, threadCount: number, capacity: number): () => Traced {
  return () => {
    const { heaps } = kmem.heaps(threadCount);
    const moduleOf = (thread: number) => (kmem.realms[thread] as Realm).module<typeof RingModule>("trace/ring.ts");
    const clock = (): number => 0;
    const first = moduleOf(0).TraceRing.create(layersOf(heaps[0] as Heap), capacity, { clock }) as Ring;
    const others = heaps
      .slice(1)
      .map((heap, other) => moduleOf(other + 1).TraceRing.open(layersOf(heap), first.address, { clock }));
    return { heaps, rings: [first, ...others] };
  };
}

function readerOf(kmem: Kmem, thread: number, { rings }: Traced): Reader {
  const { TraceReader } = (kmem.realms[thread] as Realm).module<typeof ReaderModule>("trace/reader.ts");
  return new TraceReader(rings[thread] as Ring);
}

function* writing({ rings }: Traced, thread: number, count: number): Generator<unknown, void> {
  for (let done = 0; done < count; done++) yield* write(rings[thread] as Ring, numberOf(thread, done));
}

function* reading(kmem: Kmem, world: Traced, thread: number, reads: number): Generator<unknown, Reading> {
  const reader = readerOf(kmem, thread, world);
  const events: Event[] = [];
  for (let done = 0; done < reads; done++) events.push(...(yield* call(reader, "read")));
  return { events, lostCount: reader.lostCount, pendingCount: reader.pendingCount };
}

/** Torn events, events shown twice or out of order, and counts that do not add up to what had been begun. */
function readingProblems({ events, lostCount, pendingCount }: Reading, begun?: number): string[] {
  const torn = events.filter(isTorn).map((found) => `a torn event was shown: ${JSON.stringify(found)}`);
  const numbers = events.map(({ number }) => number);
  const twice = new Set(numbers).size < numbers.length ? [`events were shown twice: ${numbers.join()}`] : [];
  const counted = events.length + lostCount + pendingCount;
  const isRight = begun === undefined || counted === begun;
  return [...torn, ...twice, ...(isRight ? [] : [`${counted} of ${begun} events were shown, lost or pending`])];
}

/** What a reader finds that comes when all is over. */
function lateReading(kmem: Kmem, thread: number, world: Traced): Reading {
  const reader = readerOf(kmem, thread, world);
  return { events: reader.read(), lostCount: reader.lostCount, pendingCount: reader.pendingCount };
}

function tracedProblems(kmem: Kmem, world: Traced, outcome: Outcome, begun: number): string[] {
  const late = lateReading(kmem, 0, world);
  const seen = outcome.results.filter((result) => result !== undefined) as Reading[];
  return [
    ...unexpectedEnds(outcome),
    ...seen.flatMap((reading) => readingProblems(reading)),
    ...readingProblems(late, begun),
    ...stateProblems(world.heaps[0] as Heap, []),
  ];
}

/** Two threads write events while a third reads, in a ring so small that they meet in one place. */
export function writeAndRead(
  kmem: Kmem,
  capacity: number,
  counts: readonly [number, number],
  reads: number,
): Scenario<Traced> {
  return {
    name: `two threads write ${counts.join(" and ")} events to a ring of ${capacity}, one reads ${reads} times`,
    setUp: setUpWith(kmem, 3, capacity),
    memories: memoriesOf,
    threads: [
      (world) => writing(world, 0, counts[0]),
      (world) => writing(world, 1, counts[1]),
      (world) => reading(kmem, world, 2, reads),
    ],
    verdict: (world, outcome) => tracedProblems(kmem, world, outcome, counts[0] + counts[1]),
  };
}

/** The same with threads that take every other for dead, to see that the scenario notices. */
export function takenForDead(scenario: Scenario<Traced>): Scenario<Traced> {
  return {
    ...scenario,
    setUp: () => {
      const world = scenario.setUp();
      for (const heap of world.heaps) Object.assign(layersOf(heap).sync.deaths, { isGone: () => true });
      return world;
    },
  };
}

/**
 * A thread dies after so many of its accesses to shared memory, and everybody may know from then on; another writes
 * `count` events meanwhile, and a third one reads.
 */
export function writeOfTheDead(kmem: Kmem, accessesMade: number, count: number): Scenario<Traced> {
  const { runtime } = kmem.library;
  const victim = function* ({ heaps, rings }: Traced): Generator<unknown, void> {
    const beacon = write(rings[0] as Ring, numberOf(0, 0));
    for (let accesses = 0; accesses < accessesMade; accesses++) {
      const { done = false, value } = beacon.next();
      if (done) break;
      yield value;
    }
    const { memory, slots, slot, sync } = layersOf(heaps[0] as Heap);
    const state = slots.word(slot, SlotRecord.STATE);
    const dead = stateWord(sync.generation, SlotState.DEAD);
    if (runtime.store(memory.words as Int32Array<ArrayBuffer>, state, dead, WORK_SITE)) yield event;
  };
  return {
    name: `a thread dies after ${accessesMade} accesses of its event, another writes ${count}, a third reads`,
    setUp: setUpWith(kmem, 3, 1),
    memories: memoriesOf,
    threads: [victim, (world) => writing(world, 1, count), (world) => reading(kmem, world, 2, 1)],
    verdict: (world, outcome) => {
      const late = lateReading(kmem, 1, world);
      // Whatever the dead has left in the place, who comes next has it.
      const { ptr, bytesReq, bytesAlloc, gfp, name, callSite, node } = FACTORS;
      world.rings[1]?.write(TraceKind.KMALLOC, ptr, bytesReq, bytesAlloc, gfp, name, callSite, node);
      const last = lateReading(kmem, 1, world);
      const isLast = last.events.some((found) => found.ptr === LAST_NUMBER * ptr);
      const seen = outcome.results.filter((result) => result !== undefined) as Reading[];
      return [
        ...unexpectedEnds(outcome),
        ...[...seen, late, last].flatMap((reading) => readingProblems(reading)),
        ...(isLast ? [] : ["a place of the dead was lost for ever"]),
      ];
    },
  };
}

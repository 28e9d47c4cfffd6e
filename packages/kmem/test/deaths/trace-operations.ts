import { layersOf } from "../../src/heap/access.ts";
import { GRANULE } from "../../src/memory/layout.ts";
import type * as CallLogModule from "../../src/trace/call-log.ts";
import type * as CallReaderModule from "../../src/trace/call-reader.ts";
import { TraceKind } from "../../src/trace/layout.ts";
import type * as ReaderModule from "../../src/trace/reader.ts";
import type * as RingModule from "../../src/trace/ring.ts";
import { call } from "../interleave/call.ts";
import type { ThreadBody } from "../interleave/runtime/virtual-thread.ts";
import { moduleOf, SURVIVOR, VICTIM } from "./modules.ts";
import type { Operation, Threads } from "./world.ts";

type Ring = RingModule.TraceRing;

const CAPACITY = 4;
const OPTIONS: RingModule.TraceRingOptions = { clock: () => 0 };
/** An event's pointer and size, which belong together. */
const SIZE_FACTOR = 3;

function ringClass(threads: Threads, thread: number): typeof RingModule.TraceRing {
  return moduleOf<typeof RingModule>(threads, thread, "trace/ring.ts").TraceRing;
}

function find(threads: Threads): Ring | undefined {
  return ringClass(threads, SURVIVOR).find(layersOf(threads.survivor), OPTIONS);
}

function write(ring: Ring, number: number): void {
  ring.kmalloc(number, number * SIZE_FACTOR, 0, 0);
}

/** What is wrong with the ring, if there is one: an event that is not whole, or a place that nobody can have. */
function problemsOf(threads: Threads): string[] {
  const ring = find(threads);
  if (ring === undefined) return [];
  const { TraceReader } = moduleOf<typeof ReaderModule>(threads, SURVIVOR, "trace/reader.ts");
  const torn = new TraceReader(ring).read().filter(({ ptr, bytesReq }) => bytesReq !== ptr * SIZE_FACTOR);
  for (let number = 1; number <= CAPACITY; number++) write(ring, number);
  const shown = new TraceReader(ring).read().map(({ ptr }) => ptr);
  const lost = shown.length === CAPACITY ? [] : [`of ${CAPACITY} events that were written ${shown.join()} are shown`];
  return [...torn.map((event) => `a torn event was shown: ${JSON.stringify(event)}`), ...lost];
}

/** Works on a ring that has so many events. */
function tracing(name: string, eventCount: number, operate: (ring: Ring) => ThreadBody): Operation {
  return {
    name: `trace ring, ${name}`,
    prepare: (threads) => {
      const ring = ringClass(threads, SURVIVOR).create(layersOf(threads.survivor), CAPACITY, OPTIONS) as Ring;
      for (let number = 1; number <= eventCount; number++) write(ring, number);
      return { check: () => problemsOf(threads), cleanUp: () => find(threads)?.end() };
    },
    operate: (threads) => {
      const { address } = find(threads) as Ring;
      return operate(ringClass(threads, VICTIM).open(layersOf(threads.victim), address, OPTIONS));
    },
  };
}

/** Calls that a log begins with, and how many: the next one ends a batch. */
const CALLS = 62;
const LOG_CLOCK = (): number => 0;

function logClass(threads: Threads): typeof CallLogModule.CallLog {
  return moduleOf<typeof CallLogModule>(threads, VICTIM, "trace/call-log.ts").CallLog;
}

/** What is wrong with the calls that the survivor reads: one that was not made, or one that is missing before it. */
function problemsOfLog(threads: Threads, expected: readonly number[]): string[] {
  const { CallReader } = moduleOf<typeof CallReaderModule>(threads, SURVIVOR, "trace/call-reader.ts");
  const shown = new CallReader(threads.survivor).read({ isLast: true }).map(({ ptr }) => ptr);
  const isWhole = shown.every((ptr, index) => ptr === expected[index]) && shown.length >= expected.length - 1;
  return isWhole || shown.length === 0 ? [] : [`the calls ${shown.join()} are shown`];
}

/** Works on a log that has calls; whether they are still there is for the operation to say. */
function logging(name: string, operate: (log: CallLogModule.CallLog) => ThreadBody): Operation {
  const numbers = Array.from({ length: CALLS + 1 }, (_, index) => (index + 1) * GRANULE);
  return {
    name: `call log, ${name}`,
    prepare: (threads) => ({ check: () => problemsOfLog(threads, numbers) }),
    operate: (threads) => {
      const log = logClass(threads).create(layersOf(threads.victim), 1, LOG_CLOCK) as CallLogModule.CallLog;
      for (const number of numbers.slice(0, CALLS)) log.write(TraceKind.KMALLOC, number, 1);
      return operate(log);
    },
  };
}

/** What threads do with a ring of trace events, and with logs of their calls. */
export const TRACE_OPERATIONS: readonly Operation[] = [
  {
    name: "trace ring, made",
    prepare: (threads) => ({ check: () => problemsOf(threads), cleanUp: () => find(threads)?.end() }),
    operate: (threads) => call(ringClass(threads, VICTIM), "create", layersOf(threads.victim), CAPACITY, OPTIONS),
  },
  tracing("the first event", 0, (ring) => call(ring, "write", TraceKind.KMALLOC, 7, 7 * SIZE_FACTOR, 0, 0, 0, 0, 0)),
  tracing("an event in the place of another", CAPACITY, (ring) =>
    call(ring, "write", TraceKind.KMALLOC, 9, 9 * SIZE_FACTOR, 0, 0, 0, 0, 0),
  ),
  tracing("ended", CAPACITY, (ring) => call(ring, "end")),
  {
    name: "call log, made",
    prepare: (threads) => ({ check: () => problemsOfLog(threads, []) }),
    operate: (threads) => call(logClass(threads), "create", layersOf(threads.victim), 1, LOG_CLOCK),
  },
  logging("a call that ends a batch", (log) => call(log, "write", TraceKind.KMALLOC, (CALLS + 1) * GRANULE, 1)),
  logging("ended", (log) => call(log, "end")),
];

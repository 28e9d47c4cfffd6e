import { TraceTables } from "./trace-tables.ts";

/** The time of an event that has none. */
export const NO_TIME = -1;
/** What stands for a thread, a processor or a stack that the trace does not name. */
export const UNKNOWN_ID = 0;

/** What a trace says of an event besides what the event does. One object for all events, filled again for each. */
export interface EventContext {
  /** Nanoseconds since any fixed time, NO_TIME where the trace has none. */
  timeNs: number;
  /** An id of the thread table. */
  thread: number;
  /** The processor plus 1. */
  cpu: number;
  /** An id of the stack table. */
  stack: number;
  /** Of an allocation: the bytes that were set aside for it, 0 where the trace does not say. */
  allocatedBytes: number;
}

/**
 * The one model of all traces: operations, which go to an OpSink, and beside them this. A reader fills `context` before
 * it hands an operation on, and the tables before it names one of their ids; who takes the operations reads them.
 */
export class EventStream {
  readonly context: EventContext = {
    timeNs: NO_TIME,
    thread: UNKNOWN_ID,
    cpu: UNKNOWN_ID,
    stack: UNKNOWN_ID,
    allocatedBytes: 0,
  };
  readonly tables: TraceTables = new TraceTables();
  /** Whether anyone wants the context: who only replays does not, and reading it takes time. */
  readonly wantsContext: boolean;

  constructor(wantsContext: boolean) {
    this.wantsContext = wantsContext;
  }
}

import type { EventContext } from "../trace/event-context.ts";
import { NO_TIME } from "../trace/event-context.ts";
import { OP } from "../trace/op-stream.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { classFault, type StoredBlocks } from "./stored-blocks.ts";
import { ByteReader } from "./stored-byte-reader.ts";
import { COLUMN, EVENTS, PAGE_FREE_PART, SECTION_EVENTS_MAX, STATED_COLUMNS } from "./stored-layout.ts";
import type { StoredTables } from "./stored-tables.ts";

const BYTE_BITS = 8;
const WORD_MAX = 0xffff_ffff;
/** Fields of a class. */
const FIELD = { CODE: 0, LOG2_ALIGN: 1, SIZE: 2, AUX: 3, ALLOCATED: 4, STACK: 5, COUNT: 6 } as const;
/** How an event names its block. */
const USE = { MAKES: 0, ENDS: 1, KEEPS: 2 } as const;

/** What is reported of an event that cannot be. */
export type RejectEvent = (reason: string) => void;

/** Hands on the events of sections, one section after another. */
export class EventsDecoder {
  readonly #blocks: StoredBlocks;
  readonly #tables: StoredTables;
  readonly #context: EventContext;
  readonly #reject: RejectEvent;
  readonly eventCounts: Uint32Array<ArrayBuffer> = new Uint32Array(PAGE_FREE_PART + 1);
  #classes = new Uint32Array(0);
  #uses = new Uint8Array(0);
  /** The slots of the section's allocations, and those that came back in it. */
  readonly #made = new Uint32Array(SECTION_EVENTS_MAX);
  readonly #free = new Uint32Array(SECTION_EVENTS_MAX);

  constructor(blocks: StoredBlocks, tables: StoredTables, context: EventContext, reject: RejectEvent) {
    this.#blocks = blocks;
    this.#tables = tables;
    this.#context = context;
    this.#reject = reject;
  }

  /** Takes a section. Throws TraceFormatError where its columns do not fit; then some of its events are handed on. */
  decode(payload: Uint8Array, count: number): void {
    if (payload.length < EVENTS.BYTES || count > SECTION_EVENTS_MAX) throw new TraceFormatError("a section cannot be");
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const columns = columnsOf(payload, view);
    const classCount = view.getUint32(EVENTS.CLASS_COUNT, true);
    const laneCount = view.getUint32(EVENTS.LANE_COUNT, true);
    if (classCount > count || laneCount > count) throw new TraceFormatError("a section has more kinds than events");
    this.#readClasses(columns[COLUMN.CLASSES]!, classCount);
    const lanes = this.#readLanes(columns[COLUMN.LANES]!, laneCount);
    const low = columns[COLUMN.CLASS_LOW]!;
    const high = columns[COLUMN.CLASS_HIGH]!;
    const hasHigh = high.length > 0;
    if (low.length !== count || (hasHigh && high.length !== count)) throw new TraceFormatError("a column is too short");
    const timeUnit = view.getUint32(EVENTS.TIME_UNIT, true);
    const runs = new ByteReader(columns[COLUMN.LANE_RUNS]!);
    const slots = new ByteReader(columns[COLUMN.SLOTS]!);
    const times = new ByteReader(columns[STATED_COLUMNS]!);
    const context = this.#context;
    context.timeNs = timeUnit === 0 ? NO_TIME : view.getFloat64(EVENTS.BASE_TIME, true);
    if (!Number.isFinite(context.timeNs)) throw new TraceFormatError("a time is no number");
    this.#madeCount = 0;
    this.#freeCount = 0;
    let runLeft = 0;
    for (let at = 0; at < count; at += 1) {
      if (runLeft === 0) {
        const lane = runs.varint();
        runLeft = runs.varint();
        if (lane >= laneCount || runLeft === 0) throw new TraceFormatError("a run of a thread that there is not");
        context.thread = lanes[lane * 2]!;
        context.cpu = lanes[lane * 2 + 1]!;
      }
      runLeft -= 1;
      const classId = hasHigh ? low[at]! | (high[at]! << BYTE_BITS) : low[at]!;
      if (classId >= classCount) throw new TraceFormatError("an event of a kind that there is not");
      if (timeUnit !== 0) context.timeNs += times.signed() * timeUnit;
      this.#event(classId, slots);
    }
  }

  #madeCount = 0;
  #freeCount = 0;

  #event(classId: number, slots: ByteReader): void {
    const classes = this.#classes;
    const at = classId * FIELD.COUNT;
    const code = classes[at + FIELD.CODE]!;
    const size = classes[at + FIELD.SIZE]!;
    const aux = classes[at + FIELD.AUX]!;
    const context = this.#context;
    context.stack = classes[at + FIELD.STACK]!;
    context.allocatedBytes = classes[at + FIELD.ALLOCATED]!;
    const use = this.#uses[classId];
    const slot = use === USE.MAKES ? this.#newSlot(slots) : this.#knownSlot(slots);
    let reason: string | undefined;
    switch (code) {
      case OP.FREE:
      case OP.CACHE_FREE:
        reason = this.#blocks.free(code, slot);
        break;
      case OP.REALLOC:
        reason = this.#blocks.realloc(slot, size);
        break;
      case OP.PAGE_FREE:
        reason = this.#blocks.freePages(slot, size, aux, true);
        break;
      case PAGE_FREE_PART:
        reason = this.#blocks.freePages(slot, size, aux, false);
        break;
      default:
        reason = this.#blocks.alloc(code, classes[at + FIELD.LOG2_ALIGN]!, slot, size, aux);
    }
    if (use === USE.ENDS) {
      this.#free[this.#freeCount] = slot;
      this.#freeCount += 1;
    }
    if (reason === undefined) this.eventCounts[code]! += 1;
    else this.#reject(reason);
  }

  #newSlot(slots: ByteReader): number {
    let slot: number;
    if (this.#freeCount > 0) {
      this.#freeCount -= 1;
      slot = this.#free[this.#freeCount]!;
    } else slot = slots.varint();
    this.#made[this.#madeCount] = slot;
    this.#madeCount += 1;
    return slot;
  }

  #knownSlot(slots: ByteReader): number {
    const reference = slots.varint();
    if (reference % 2 === 1) return (reference - 1) / 2;
    const number = this.#madeCount - 1 - reference / 2;
    if (number < 0) throw new TraceFormatError("an event of an allocation before the section");
    return this.#made[number]!;
  }

  #readClasses(column: Uint8Array, count: number): void {
    const words = count * FIELD.COUNT;
    if (this.#classes.length < words) {
      this.#classes = new Uint32Array(words);
      this.#uses = new Uint8Array(count);
    }
    const reader = new ByteReader(column);
    for (let id = 0; id < count; id += 1) {
      const at = id * FIELD.COUNT;
      const code = reader.byte();
      const log2Align = reader.byte();
      const [size, aux, allocated, stack] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()];
      const fault = classFault(code, log2Align, size, aux, this.#tables.cacheCount);
      if (fault !== undefined || allocated > WORD_MAX) throw new TraceFormatError(fault ?? "a number is too large");
      const keepsAux = code === OP.CACHE_ALLOC || code === OP.CACHE_BUILD || code >= OP.PAGE_ALLOC;
      this.#classes[at + FIELD.CODE] = code;
      this.#classes[at + FIELD.LOG2_ALIGN] = code === OP.ALIGNED ? log2Align : 0;
      this.#classes[at + FIELD.SIZE] = size;
      this.#classes[at + FIELD.AUX] = keepsAux ? aux : 0;
      this.#classes[at + FIELD.ALLOCATED] = allocated;
      this.#classes[at + FIELD.STACK] = this.#tables.stack(stack);
      this.#uses[id] = useOf(code);
    }
  }

  #readLanes(column: Uint8Array, count: number): Uint32Array {
    const lanes = new Uint32Array(count * 2);
    const reader = new ByteReader(column);
    for (let lane = 0; lane < count; lane += 1) {
      lanes[lane * 2] = this.#tables.thread(reader.varint());
      lanes[lane * 2 + 1] = reader.varint();
    }
    return lanes;
  }
}

function useOf(code: number): number {
  if (code === OP.REALLOC || code === PAGE_FREE_PART) return USE.KEEPS;
  return code === OP.FREE || code === OP.CACHE_FREE || code === OP.PAGE_FREE ? USE.ENDS : USE.MAKES;
}

/** The columns of a section: those whose length is stated, and the rest. */
function columnsOf(payload: Uint8Array, view: DataView): Uint8Array[] {
  let at: number = EVENTS.BYTES;
  const columns: Uint8Array[] = [];
  for (let index = 0; index < STATED_COLUMNS; index += 1) {
    const length = view.getUint32(EVENTS.COLUMN_BYTES + index * Uint32Array.BYTES_PER_ELEMENT, true);
    if (length > payload.length - at) throw new TraceFormatError("a column goes on after the section's end");
    columns.push(payload.subarray(at, at + length));
    at += length;
  }
  return [...columns, payload.subarray(at)];
}

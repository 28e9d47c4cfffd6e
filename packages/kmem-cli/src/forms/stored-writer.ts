import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import { OP, type OpSink, PAGE_BYTES } from "../trace/op-stream.ts";
import { ByteWriter } from "./stored-byte-writer.ts";
import { ClassTable, PairTable } from "./stored-class-table.ts";
import { EVENTS, INDEX_ENTRY_BYTES, PAGE_FREE_PART, SECTION_EVENTS_MAX, SECTION_TYPE } from "./stored-layout.ts";
import { type ByteSink, SectionWriter } from "./stored-section-writer.ts";
import { SlotCoder } from "./stored-slot-coder.ts";
import { TableWriter } from "./stored-table-writer.ts";

const BYTE_BITS = 8;
const BYTE_MASK = 0xff;
const NS_PER_US = 1000;
const INITIAL_SLOTS = 1024;
/** No lane: what stands before the first one. */
const NO_LANE = -1;

/** Writes operations, with their contexts, in kmem's own format. */
export class StoredTraceWriter implements OpSink {
  readonly #stream: EventStream;
  readonly #sections: SectionWriter;
  readonly #tables: TableWriter;
  readonly #classColumn = new ByteWriter();
  readonly #laneColumn = new ByteWriter();
  readonly #laneRuns = new ByteWriter();
  readonly #slotColumn = new ByteWriter();
  readonly #classLow = new Uint8Array(SECTION_EVENTS_MAX);
  readonly #classHigh = new Uint8Array(SECTION_EVENTS_MAX);
  readonly #times = new Float64Array(SECTION_EVENTS_MAX);
  readonly #classes = new ClassTable(this.#classColumn);
  readonly #slots = new SlotCoder(this.#slotColumn);
  readonly #index = new ByteWriter();
  #lanes = new PairTable();
  #lastThread = NO_LANE;
  #lastCpu = NO_LANE;
  #lastLane = NO_LANE;
  #runLength = 0;
  /** By slot of the file: bytes that are live in it. */
  #bytes = new Float64Array(INITIAL_SLOTS);
  #liveBytes = 0;
  #liveBlocks = 0;
  #sectionLive = { bytes: 0, blocks: 0 };
  #eventCount = 0;
  #sectionEvents = 0;
  #baseTimeNs = 0;
  #hasTimes = true;

  /** `sink` takes the bytes of the file. */
  constructor(sink: ByteSink, stream: EventStream) {
    this.#stream = stream;
    this.#sections = new SectionWriter(sink);
    this.#tables = new TableWriter(stream.tables, this.#sections);
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** Bytes of the file so far; events that wait for their section are not in them. */
  get fileBytes(): number {
    return this.#sections.offset;
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    const { context } = this.#stream;
    const { stack, timeNs } = context;
    const classes = this.#classes;
    const written = this.#follow(code, slot, size);
    let classId: number;
    switch (code) {
      case OP.FREE:
      case OP.CACHE_FREE:
        classId = classes.intern(written, 0, 0, 0, 0, stack);
        break;
      case OP.PAGE_FREE:
        classId = classes.intern(written, 0, size, aux, 0, stack);
        break;
      case OP.REALLOC:
        classId = classes.intern(written, 0, size, 0, context.allocatedBytes, stack);
        break;
      default:
        classId = classes.intern(written, log2Align, size, aux, context.allocatedBytes, stack);
    }
    const at = this.#sectionEvents;
    this.#classLow[at] = classId & BYTE_MASK;
    this.#classHigh[at] = classId >>> BYTE_BITS;
    this.#times[at] = timeNs;
    if (timeNs === NO_TIME) this.#hasTimes = false;
    if (context.thread !== this.#lastThread || context.cpu !== this.#lastCpu) this.#changeLane();
    this.#runLength += 1;
    this.#sectionEvents = at + 1;
    this.#eventCount += 1;
    if (this.#sectionEvents === SECTION_EVENTS_MAX) this.flush();
  }

  /** Writes what has been taken so far as a section of its own, however short. */
  flush(): void {
    this.#tables.writeNew();
    const count = this.#sectionEvents;
    if (count === 0) return;
    this.#endRun();
    const columns = [
      this.#classColumn.written,
      this.#laneColumn.written,
      this.#classLow.subarray(0, count),
      this.#classes.count > BYTE_MASK + 1 ? this.#classHigh.subarray(0, count) : new Uint8Array(0),
      this.#laneRuns.written,
      this.#slotColumn.written,
    ];
    const { column: times, unitNs } = this.#timeColumn();
    const head = new Uint8Array(EVENTS.BYTES);
    const view = new DataView(head.buffer);
    view.setFloat64(EVENTS.FIRST_EVENT, this.#eventCount - count, true);
    view.setFloat64(EVENTS.BASE_TIME, this.#baseTimeNs, true);
    view.setFloat64(EVENTS.LIVE_BYTES, this.#sectionLive.bytes, true);
    view.setFloat64(EVENTS.LIVE_BLOCKS, this.#sectionLive.blocks, true);
    view.setUint32(EVENTS.CLASS_COUNT, this.#classes.count, true);
    view.setUint32(EVENTS.LANE_COUNT, this.#lanes.count, true);
    view.setUint32(EVENTS.TIME_UNIT, unitNs, true);
    for (const [index, column] of columns.entries()) {
      view.setUint32(EVENTS.COLUMN_BYTES + index * Uint32Array.BYTES_PER_ELEMENT, column.length, true);
    }
    this.#addToIndex(this.#eventCount - count);
    this.#sections.section(SECTION_TYPE.EVENTS, count, concat([head, ...columns, times.written]));
    if (unitNs > 0) this.#baseTimeNs = this.#times[count - 1]!;
    this.#beginSection();
  }

  /** Writes what is left, the index, and the end, with what is to be known of the source. */
  finish(notes: Readonly<Record<string, string>>): void {
    this.flush();
    const indexOffset = this.#sections.offset;
    this.#sections.section(SECTION_TYPE.INDEX, this.#index.length / INDEX_ENTRY_BYTES, this.#index.written);
    const end = new ByteWriter();
    end.varint(this.#eventCount);
    const entries = Object.entries(notes);
    for (const [key, value] of entries) {
      end.text(key);
      end.text(value);
    }
    this.#sections.section(SECTION_TYPE.END, entries.length, end.written);
    this.#sections.footer(indexOffset);
  }

  /** Notes which block an event is about, and what is live after it; answers the event's code in the file. */
  #follow(code: number, slot: number, size: number): number {
    switch (code) {
      case OP.FREE:
      case OP.CACHE_FREE:
        this.#remove(this.#slots.refer(slot));
        return code;
      case OP.REALLOC: {
        const own = this.#slots.refer(slot);
        this.#liveBytes += size - this.#bytes[own]!;
        this.#bytes[own] = size;
        return code;
      }
      case OP.PAGE_FREE: {
        const own = this.#slots.refer(slot);
        const goneBytes = size * PAGE_BYTES;
        if (goneBytes >= this.#bytes[own]!) {
          this.#remove(own);
          return code;
        }
        this.#bytes[own]! -= goneBytes;
        this.#liveBytes -= goneBytes;
        return PAGE_FREE_PART;
      }
      case OP.PAGE_ALLOC:
        this.#add(slot, 2 ** size * PAGE_BYTES);
        return code;
      case OP.PAGE_RUN:
        this.#add(slot, size * PAGE_BYTES);
        return code;
      default:
        this.#add(slot, size);
        return code;
    }
  }

  #add(slot: number, bytes: number): void {
    const own = this.#slots.take(slot);
    if (own >= this.#bytes.length) {
      const grown = new Float64Array(Math.max(own + 1, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[own] = bytes;
    this.#liveBytes += bytes;
    this.#liveBlocks += 1;
  }

  #remove(own: number): void {
    this.#liveBytes -= this.#bytes[own]!;
    this.#liveBlocks -= 1;
    this.#slots.release(own);
  }

  #changeLane(): void {
    this.#endRun();
    const { thread, cpu } = this.#stream.context;
    const before = this.#lanes.count;
    this.#lastThread = thread;
    this.#lastCpu = cpu;
    this.#lastLane = this.#lanes.intern(thread, cpu);
    if (this.#lanes.count === before) return;
    this.#laneColumn.varint(thread);
    this.#laneColumn.varint(cpu);
  }

  #endRun(): void {
    if (this.#runLength === 0) return;
    this.#laneRuns.varint(this.#lastLane);
    this.#laneRuns.varint(this.#runLength);
    this.#runLength = 0;
  }

  #timeColumn(): { readonly column: ByteWriter; readonly unitNs: number } {
    const column = new ByteWriter();
    if (!this.#hasTimes) return { column, unitNs: 0 };
    const times = this.#times.subarray(0, this.#sectionEvents);
    const isWhole = this.#baseTimeNs % NS_PER_US === 0 && times.every((ns) => ns % NS_PER_US === 0);
    const unitNs = isWhole ? NS_PER_US : 1;
    let before = this.#baseTimeNs;
    for (const time of times) {
      column.signed((time - before) / unitNs);
      before = time;
    }
    return { column, unitNs };
  }

  #beginSection(): void {
    for (const column of [this.#classColumn, this.#laneColumn, this.#laneRuns, this.#slotColumn]) column.clear();
    this.#classes.clear();
    this.#slots.beginSection();
    this.#lanes = new PairTable();
    this.#lastThread = NO_LANE;
    this.#sectionEvents = 0;
    this.#hasTimes = true;
    this.#sectionLive = { bytes: this.#liveBytes, blocks: this.#liveBlocks };
  }

  #addToIndex(firstEvent: number): void {
    const entry = new Float64Array([this.#sections.offset, firstEvent, this.#baseTimeNs]);
    this.#index.bytes(new Uint8Array(entry.buffer));
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

import { OP, OP_NAMES, type OpsKind, type OpTotals } from "../trace/op-stream.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import type { ReaderSetting, TraceReader } from "../trace/trace-reader.ts";
import { type FormSummary, summarizeLive } from "../trace/trace-summary.ts";
import type { TraceTables } from "../trace/trace-tables.ts";
import { StoredBlocks } from "./stored-blocks.ts";
import { ByteReader } from "./stored-byte-reader.ts";
import { EventsDecoder } from "./stored-events-decoder.ts";
import { PAGE_FREE_PART, SECTION_TYPE } from "./stored-layout.ts";
import { SectionParser } from "./stored-section-parser.ts";
import { StoredTables } from "./stored-tables.ts";

/** What the events are called in reports, by their codes in the file. */
const EVENT_NAMES: Readonly<Record<number, string>> = {
  ...OP_NAMES,
  [OP.PAGE_RUN]: "page run",
  [OP.CACHE_BUILD]: "constructed object",
  [PAGE_FREE_PART]: "mm_page_free (part)",
};
const NOTES_MAX = 256;

/** Reads traces in kmem's own format. */
export class StoredTraceReader implements TraceReader {
  readonly #parser: SectionParser;
  readonly #blocks: StoredBlocks;
  readonly #storedTables: StoredTables;
  readonly #tables: TraceTables;
  readonly #decoder: EventsDecoder;
  readonly #broken: ReaderSetting["broken"];
  readonly #notes = new Map<string, string>();
  #eventCount = 0;

  constructor({ sink, stream, broken }: ReaderSetting) {
    this.#blocks = new StoredBlocks(sink);
    this.#tables = stream.tables;
    this.#storedTables = new StoredTables(stream.tables);
    this.#broken = broken;
    this.#parser = new SectionParser({
      section: (type, count, payload) => this.#section(type, count, payload),
    });
    this.#decoder = new EventsDecoder(this.#blocks, this.#storedTables, stream.context, (reason) => {
      broken.add(this.#parser.offset, reason, () => "an event of the section that begins there");
    });
  }

  get position(): number {
    return this.#parser.offset;
  }

  push(chunk: Uint8Array): void {
    this.#parser.push(chunk);
  }

  end(_isCut: boolean): void {
    this.#parser.end();
    const { damage } = this.#parser;
    if (damage === undefined) return;
    const text = `what is left out begins at byte ${damage.offset}, after ${this.#eventCount} events`;
    this.#broken.add(damage.offset, damage.reason, () => text);
  }

  totals(): OpTotals {
    const { peakLiveBytes, peakLiveBlockCount, requestedBytes } = this.#blocks.total;
    const slotCount = this.#blocks.slotCount;
    return { kind: this.#kind(), slotCount, peakLiveBytes, peakLiveBlockCount, requestedBytes };
  }

  summarize(): FormSummary {
    const counts = [...this.#decoder.eventCounts.entries()].filter(([, count]) => count > 0);
    return {
      format: "kmem",
      form: "kmem",
      kind: this.#kind(),
      events: Object.fromEntries(counts.map(([code, count]) => [EVENT_NAMES[code]!, count])),
      eventCount: this.#eventCount,
      slotCount: this.#blocks.slotCount,
      live: summarizeLive(this.#blocks.total),
      objects: summarizeLive(this.#blocks.objects),
      pages: summarizeLive(this.#blocks.pages),
      caches: this.#tables.caches,
      notes: Object.fromEntries(this.#notes),
    };
  }

  #kind(): OpsKind {
    const counts = this.#decoder.eventCounts;
    return counts[OP.CACHE_ALLOC]! + counts[OP.PAGE_ALLOC]! > 0 ? "kernel" : "malloc";
  }

  #section(type: number, count: number, payload: Uint8Array): void {
    switch (type) {
      case SECTION_TYPE.EVENTS:
        this.#decoder.decode(payload, count);
        this.#eventCount += count;
        return;
      case SECTION_TYPE.TABLES:
        this.#storedTables.read(payload, count);
        return;
      case SECTION_TYPE.END:
        this.#readEnd(payload, count);
        return;
      default:
        // A later version may have sections of other sorts; a reader that does not know one passes over it.
        return;
    }
  }

  #readEnd(payload: Uint8Array, count: number): void {
    if (count > NOTES_MAX) throw new TraceFormatError("there are too many notes");
    const reader = new ByteReader(payload);
    const eventCount = reader.varint();
    for (let left = count; left > 0; left -= 1) this.#notes.set(reader.text(), reader.text());
    if (eventCount !== this.#eventCount) {
      throw new TraceFormatError(`the end speaks of ${eventCount} events, and there are ${this.#eventCount}`);
    }
  }
}

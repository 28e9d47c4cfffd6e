import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import type { ByteSink } from "../forms/stored-section-writer.ts";
import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import { OP, OP_NAMES, PAGE_BYTES } from "../trace/op-stream.ts";
import type { Conversion } from "./conversion.ts";
import { LiveTable } from "./live-table.ts";
import { cacheName } from "./stat-report.ts";

/** Events of a row group: what is in memory at a time. */
const GROUP_EVENTS = 131_072;
/** What the rows have, in their order: docs/parquet.md says what each is. */
const COLUMNS = [
  { name: "time_ns", type: "INT64", nullable: true },
  { name: "thread", type: "STRING", nullable: true },
  { name: "cpu", type: "INT32", nullable: true },
  { name: "op", type: "STRING", nullable: false },
  { name: "family", type: "STRING", nullable: false },
  { name: "block", type: "INT64", nullable: false },
  { name: "requested_bytes", type: "INT64", nullable: false },
  { name: "allocated_bytes", type: "INT64", nullable: false },
  { name: "live_change_bytes", type: "INT64", nullable: false },
  { name: "lifetime_ns", type: "INT64", nullable: true },
  { name: "cache", type: "STRING", nullable: true },
  { name: "site", type: "STRING", nullable: true },
] as const;
type Row = readonly unknown[];

/** Writes events as Parquet, a row each, in groups of rows: memory is bounded by what is live and one group. */
export class ParquetConversion implements Conversion {
  readonly #stream: EventStream;
  readonly #writer: ParquetWriter;
  readonly #live = new LiveTable();
  readonly #columns: unknown[][] = COLUMNS.map(() => []);
  readonly #sites: (string | null)[] = [null];

  constructor(sink: ByteSink, stream: EventStream) {
    this.#stream = stream;
    const bytes = new ByteWriter();
    const flush = (): void => {
      sink(new Uint8Array(bytes.buffer, 0, bytes.index));
      bytes.index = 0;
    };
    const writer = Object.assign(bytes, { flush, finish: flush });
    this.#writer = new ParquetWriter({
      writer,
      createdBy: "kmem",
      schema: [
        { name: "events", num_children: COLUMNS.length },
        ...COLUMNS.map(({ name, type, nullable }) => ({
          name,
          repetition_type: nullable ? ("OPTIONAL" as const) : ("REQUIRED" as const),
          ...(type === "STRING" ? { type: "BYTE_ARRAY" as const, converted_type: "UTF8" as const } : { type }),
        })),
      ],
    });
  }

  op(code: number, _log2Align: number, slot: number, size: number, aux: number): void {
    switch (code) {
      case OP.FREE:
      case OP.CACHE_FREE:
        this.#free(code, slot, this.#live.requested[slot]!);
        return;
      case OP.PAGE_FREE:
        this.#free(code, slot, size * PAGE_BYTES);
        return;
      case OP.PAGE_ALLOC:
        this.#alloc(code, slot, 2 ** size * PAGE_BYTES, 0, 0);
        return;
      case OP.PAGE_RUN:
        this.#alloc(code, slot, size * PAGE_BYTES, 0, 0);
        return;
      case OP.REALLOC:
        this.#alloc(code, slot, size, this.#live.kind[slot]!, this.#live.requested[slot]!);
        return;
      default:
        this.#alloc(code, slot, size, code === OP.CACHE_ALLOC || code === OP.CACHE_BUILD ? aux + 1 : 0, 0);
    }
  }

  finish(): void {
    this.#writeGroup();
    this.#writer.finish();
  }

  #alloc(code: number, slot: number, requestedBytes: number, kind: number, bytesBefore: number): void {
    const { context } = this.#stream;
    const live = this.#live;
    live.reach(slot);
    const allocatedBytes = Math.max(context.allocatedBytes, requestedBytes);
    live.requested[slot] = requestedBytes;
    live.born[slot] = context.timeNs;
    live.stack[slot] = context.stack;
    live.kind[slot] = kind;
    this.#add(code, slot, [requestedBytes, allocatedBytes, requestedBytes - bytesBefore, null]);
  }

  #free(code: number, slot: number, bytes: number): void {
    const { timeNs } = this.#stream.context;
    const live = this.#live;
    const born = live.born[slot]!;
    live.requested[slot]! -= bytes;
    const lifetimeNs = timeNs === NO_TIME || born === NO_TIME ? null : Math.max(0, timeNs - born);
    this.#add(code, slot, [0, 0, -bytes, lifetimeNs]);
  }

  /** Adds a row; the cache and the call site are those of the block's allocation, also where it is freed. */
  #add(code: number, slot: number, figures: Row): void {
    const { context, tables } = this.#stream;
    const kind = this.#live.kind[slot]!;
    const row: Row = [
      context.timeNs === NO_TIME ? null : context.timeNs,
      context.thread === 0 ? null : tables.threads.name(context.thread),
      context.cpu === 0 ? null : context.cpu - 1,
      OP_NAMES[code],
      code === OP.PAGE_ALLOC || code === OP.PAGE_FREE || code === OP.PAGE_RUN ? "pages" : "objects",
      slot,
      ...figures,
      kind,
      this.#site(this.#live.stack[slot]!),
    ];
    for (let column = 0; column < COLUMNS.length; column += 1) {
      const value = row[column];
      const isBig = COLUMNS[column]!.type === "INT64" && typeof value === "number";
      this.#columns[column]!.push(isBig ? BigInt(value) : value);
    }
    if (this.#columns[0]!.length >= GROUP_EVENTS) this.#writeGroup();
  }

  /** Asked for when a group is whole: a kernel's trace names many a cache later than its first object. */
  #cache(kind: number): string | null {
    return kind === 0 ? null : cacheName(this.#stream, kind);
  }

  #site(stack: number): string | null {
    const known = this.#sites[stack];
    if (known !== undefined) return known;
    const text = this.#stream.tables.framesOf(stack).join(" < ");
    this.#sites[stack] = text;
    return text;
  }

  #writeGroup(): void {
    if (this.#columns[0]!.length === 0) return;
    const columnData = COLUMNS.map(({ name }, column): ColumnSource => {
      const data = this.#columns[column]!;
      return { name, data: name === "cache" ? data.map((kind) => this.#cache(kind as number)) : data };
    });
    this.#writer.write({ columnData, rowGroupSize: GROUP_EVENTS });
    for (const column of this.#columns) column.length = 0;
  }
}

/** Where in a folder of traces the events of one lie: its partition, as Hive, Spark, Trino and DuckDB read it. */
export function partitionOf(release: string, trace: string): string[] {
  return [`release=${encodeURIComponent(release)}`, `trace=${encodeURIComponent(trace)}`];
}

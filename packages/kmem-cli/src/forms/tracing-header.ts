import { asciiBytes, latin1, startsWith } from "../trace/line-scan.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { type EventFormat, type FieldPlace, parseEventFormat, parseFields } from "./event-format.ts";
import type { SourceCursor } from "./source-cursor.ts";

/** What trace-cmd's files begin with, and the part of perf's that describes tracepoints. */
export const TRACING_MAGIC: Uint8Array = asciiBytes("\x17\x08Dtracing");

const MIB = 2 ** 20;
const TEXT_BYTES_MAX = MIB;
const KALLSYMS_BYTES_MAX = 64 * MIB;
const CMDLINES_BYTES_MAX = 16 * MIB;
const NAME_BYTES_MAX = 256;
const VERSION_BYTES_MAX = 15;
/** common_type has 16 bits. */
const FORMATS_MAX = 65_536;
const LONG_BYTES: readonly number[] = [4, 8];
const PAGE_BYTES_MAX = MIB;
const PAGE_BYTES_MIN = 256;
const CMDLINE = /^ *(\d{1,10}) (.{1,64})$/;

/** How a page of the kernel's ring buffer begins. */
export interface PageLayout {
  readonly timestamp: FieldPlace;
  /** Has the size of a `long` of the kernel's. */
  readonly commit: FieldPlace;
  readonly dataOffset: number;
}

/** The beginning that trace-cmd's files and perf's description of tracepoints share. */
export interface TracingStart {
  /** Without perf's `0.`. */
  readonly version: number;
  /** Bytes of a page of the machine that recorded. */
  readonly pageBytes: number;
}

/** Reads the magic, the version, the order of bytes, which the cursor is set to, and the size of a page. */
export function readTracingStart(cursor: SourceCursor): TracingStart {
  const magic = cursor.bytes(TRACING_MAGIC.length, TRACING_MAGIC.length, "the magic");
  if (!startsWith(magic, 0, magic.length, TRACING_MAGIC)) throw new TraceFormatError("its magic bytes are not there");
  const version = /^(?:0\.)?(\d{1,3})$/.exec(cursor.text(VERSION_BYTES_MAX))?.[1];
  if (version === undefined) throw new TraceFormatError("its version is no number");
  const order = cursor.u8();
  if (order > 1) throw new TraceFormatError(`its order of bytes is ${order}, which is neither 0 nor 1`);
  cursor.littleEndian = order === 0;
  const longBytes = cursor.u8();
  if (!LONG_BYTES.includes(longBytes)) throw new TraceFormatError(`its longs have ${longBytes} bytes`);
  const pageBytes = checkPageBytes(cursor.u32());
  return { version: Number(version), pageBytes };
}

/** A size of pages, if it is one. */
export function checkPageBytes(pageBytes: number): number {
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) {
    throw new TraceFormatError(`its pages have ${pageBytes} bytes`);
  }
  return pageBytes;
}

/** What a file says of the kernel that it was recorded on: how its events lie in memory, and names. */
export class TracingDescription {
  /** By id. */
  readonly formats: Map<number, EventFormat> = new Map<number, EventFormat>();
  readonly #comms = new Map<number, string>();
  page: PageLayout | undefined;
  kallsyms: Uint8Array = new Uint8Array(0);

  /** All parts in the order in which they stand in one piece; the names of tasks come from version 6 on. */
  readAll(cursor: SourceCursor, version: number): void {
    this.readPageHeader(cursor);
    this.readFtraceFormats(cursor);
    this.readFormats(cursor);
    this.readKallsyms(cursor);
    this.skipPrintk(cursor);
    if (version >= VERSION_WITH_COMMS) this.readComms(cursor);
  }

  /** The name of a task; undefined where the file has none. */
  comm(pid: number): string | undefined {
    return this.#comms.get(pid);
  }

  readPageHeader(cursor: SourceCursor): void {
    expectText(cursor, "header_page");
    const text = cursor.bytes(cursor.u64(), TEXT_BYTES_MAX, "the description of a page");
    const fields = parseFields(latin1(text, 0, text.length));
    const timestamp = fields.get("timestamp");
    const commit = fields.get("commit");
    const data = fields.get("data");
    if (timestamp !== undefined && commit !== undefined && data !== undefined) {
      this.page = { timestamp, commit, dataOffset: data.offset };
    }
    expectText(cursor, "header_event");
    // What is in it has been the same since there are such files.
    cursor.bytes(cursor.u64(), TEXT_BYTES_MAX, "the description of an event's head");
  }

  /** The events that are always there: entries of tracers, stacks, marks. */
  readFtraceFormats(cursor: SourceCursor): void {
    this.#readSystem(cursor, "ftrace");
  }

  readFormats(cursor: SourceCursor): void {
    for (let left = checkCount(cursor.u32()); left > 0; left -= 1) {
      this.#readSystem(cursor, cursor.text(NAME_BYTES_MAX));
    }
  }

  readKallsyms(cursor: SourceCursor): void {
    this.kallsyms = cursor.bytes(cursor.u32(), KALLSYMS_BYTES_MAX, "the list of functions");
  }

  skipPrintk(cursor: SourceCursor): void {
    cursor.skip(cursor.u32());
  }

  readComms(cursor: SourceCursor): void {
    const text = cursor.bytes(cursor.u64(), CMDLINES_BYTES_MAX, "the list of tasks");
    for (const line of latin1(text, 0, text.length).split("\n")) {
      const [, pid, comm] = CMDLINE.exec(line) ?? [];
      if (comm !== undefined) this.#comms.set(Number(pid), comm);
    }
  }

  #readSystem(cursor: SourceCursor, system: string): void {
    for (let left = checkCount(cursor.u32()); left > 0; left -= 1) {
      const text = cursor.bytes(cursor.u64(), TEXT_BYTES_MAX, "the description of an event");
      const format = parseEventFormat(system, text);
      if (format !== undefined && format.id < FORMATS_MAX) this.formats.set(format.id, format);
    }
  }
}

const VERSION_WITH_COMMS = 6;

function checkCount(count: number): number {
  if (count > FORMATS_MAX) throw new TraceFormatError(`it would have ${count} kinds of events`);
  return count;
}

function expectText(cursor: SourceCursor, wanted: string): void {
  const text = cursor.text(NAME_BYTES_MAX);
  if (text !== wanted) throw new TraceFormatError(`${wanted} is not where it has to be`);
}

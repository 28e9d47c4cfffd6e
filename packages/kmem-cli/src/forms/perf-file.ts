import { AddressTable, NOT_FOUND } from "../trace/address-table.ts";
import type { ByteSource } from "../trace/byte-source.ts";
import { asciiBytes, startsWith } from "../trace/line-scan.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { ATTR_BYTES_MIN, type PerfAttr, readAttr } from "./perf-attr.ts";
import { SourceCursor } from "./source-cursor.ts";
import { readTracingStart, TracingDescription } from "./tracing-header.ts";

/** What a file begins with, on a machine that has the low byte first, and on one that has the high one first. */
const MAGIC_LITTLE = asciiBytes("PERFILE2");
const MAGIC_BIG = asciiBytes("2ELIFREP");
const MAGIC_BYTES = 8;
/** A head that is no longer is that of a stream: everything else is in its records. */
const STREAM_HEAD_BYTES = 16;
/** Which of the flags says that the file describes its tracepoints; the sections of all flags come in their order. */
const FEATURE_TRACING = 1;
const FEATURES_PER_WORD = 32;
const ATTRS_MAX = 65_536;
const ATTR_BYTES_MAX = 4096;
const IDS_MAX = 2 ** 20;
const SECTION_BYTES = 16;
const U64_BYTES = 8;

/** Whether a file is one of perf's, by its first bytes. */
export function isPerfData(head: Uint8Array): boolean {
  return startsWith(head, 0, head.length, MAGIC_LITTLE) || startsWith(head, 0, head.length, MAGIC_BIG);
}

/** The events that a file has samples of. */
export class PerfAttrs {
  readonly #attrs: PerfAttr[] = [];
  readonly #ids = new AddressTable();

  get first(): PerfAttr | undefined {
    return this.#attrs[0];
  }

  get count(): number {
    return this.#attrs.length;
  }

  get hasTracepoint(): boolean {
    return this.#attrs.some(({ isTracepoint }) => isTracepoint);
  }

  /** Adds an event with its ids, which the rest of the cursor has. */
  add(attr: PerfAttr, ids: SourceCursor): void {
    if (this.#attrs.length >= ATTRS_MAX) throw new TraceFormatError(`it has more than ${ATTRS_MAX} events`);
    const index = this.#attrs.push(attr) - 1;
    while (ids.leftBytes >= U64_BYTES) {
      if (this.#ids.size >= IDS_MAX) throw new TraceFormatError(`its events have more than ${IDS_MAX} ids`);
      const first = ids.u32();
      const second = ids.u32();
      this.#ids.set(ids.littleEndian ? second : first, ids.littleEndian ? first : second, index);
    }
  }

  /** The event that an id belongs to; where there is one event alone, that. */
  byId(high: number, low: number): PerfAttr | undefined {
    if (this.#attrs.length === 1) return this.#attrs[0];
    const index = this.#ids.find(high, low);
    return index === NOT_FOUND ? undefined : this.#attrs[index];
  }
}

/** What a perf.data file has before its records. */
export interface PerfFile {
  readonly littleEndian: boolean;
  readonly attrs: PerfAttrs;
  /** Undefined as long as a stream's records have not brought it. */
  readonly description: TracingDescription | undefined;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/** Reads all of a file but its records. */
export function readPerfFile(source: ByteSource): PerfFile {
  const cursor = new SourceCursor(source, true);
  const magic = cursor.bytes(MAGIC_BYTES, MAGIC_BYTES, "the magic");
  if (!isPerfData(magic)) throw new TraceFormatError("its magic bytes are not there");
  cursor.littleEndian = startsWith(magic, 0, MAGIC_BYTES, MAGIC_LITTLE);
  const headBytes = cursor.u64();
  const { littleEndian } = cursor;
  const attrs = new PerfAttrs();
  if (headBytes === STREAM_HEAD_BYTES) {
    return { littleEndian, attrs, description: undefined, dataStart: headBytes, dataEnd: source.sizeBytes };
  }
  const attrBytes = cursor.u64();
  const attrSection = { offset: cursor.u64(), sizeBytes: cursor.u64() };
  const dataStart = cursor.u64();
  const dataBytes = cursor.u64();
  cursor.skip(SECTION_BYTES);
  if (dataBytes === 0) throw new TraceFormatError("perf record was ended before it had finished the file");
  readAttrs(source, littleEndian, attrs, attrBytes, attrSection);
  const description = readFeatures(source, cursor, dataStart + dataBytes);
  return { littleEndian, attrs, description, dataStart, dataEnd: dataStart + dataBytes };
}

function readAttrs(
  source: ByteSource,
  littleEndian: boolean,
  attrs: PerfAttrs,
  attrBytes: number,
  section: { readonly offset: number; readonly sizeBytes: number },
): void {
  const ownBytes = attrBytes - SECTION_BYTES;
  if (ownBytes < ATTR_BYTES_MIN) throw new TraceFormatError("its events are described too shortly");
  const count = Math.floor(section.sizeBytes / attrBytes);
  if (count > ATTRS_MAX) throw new TraceFormatError(`it would have ${count} events`);
  const cursor = new SourceCursor(source, littleEndian, section.offset);
  let idBytes = 0;
  for (let left = count; left > 0; left -= 1) {
    const attr = readAttr(viewOf(cursor.bytes(ownBytes, ATTR_BYTES_MAX, "an event")), 0, littleEndian);
    const idsAt = cursor.u64();
    const idsBytes = cursor.u64();
    idBytes += idsBytes;
    if (idBytes > IDS_MAX * U64_BYTES) throw new TraceFormatError(`its events have more than ${IDS_MAX} ids`);
    attrs.add(attr, new SourceCursor(source, littleEndian, idsAt, idsAt + idsBytes));
  }
}

/** Finds the description of the tracepoints among what comes after the records. */
function readFeatures(source: ByteSource, head: SourceCursor, tableAt: number): TracingDescription | undefined {
  const low = head.u32();
  const high = head.u32();
  const flags = head.littleEndian ? low : high;
  // Nothing else comes before it.
  if (((flags >>> FEATURE_TRACING) & 1) === 0 || FEATURE_TRACING >= FEATURES_PER_WORD) return undefined;
  const table = new SourceCursor(source, head.littleEndian, tableAt + (flags & 1) * SECTION_BYTES);
  const offset = table.u64();
  const sizeBytes = table.u64();
  return readDescription(source, offset, offset + sizeBytes);
}

/** Reads the description of tracepoints in bytes start … end - 1. */
export function readDescription(source: ByteSource, start: number, end: number): TracingDescription {
  const cursor = new SourceCursor(source, true, start, end);
  const { version } = readTracingStart(cursor);
  const description = new TracingDescription();
  description.readAll(cursor, version);
  return description;
}

/** All bytes of an array as a view. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

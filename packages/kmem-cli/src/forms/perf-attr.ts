/** What a record of a sample has, one bit each; see perf_event_open(2). */
const SAMPLE = {
  IP: 2 ** 0,
  TID: 2 ** 1,
  TIME: 2 ** 2,
  ADDR: 2 ** 3,
  READ: 2 ** 4,
  CALLCHAIN: 2 ** 5,
  ID: 2 ** 6,
  CPU: 2 ** 7,
  PERIOD: 2 ** 8,
  STREAM_ID: 2 ** 9,
  RAW: 2 ** 10,
  IDENTIFIER: 2 ** 16,
} as const;

/** What a counter's value comes with, one bit each. */
const READ = { TIME_ENABLED: 1, TIME_RUNNING: 2, ID: 4, GROUP: 8, LOST: 16 } as const;

const TYPE_TRACEPOINT = 2;
const U32_BYTES = 4;
const U64_BYTES = 8;
/** Places in perf_event_attr. */
const ATTR = { TYPE: 0, SAMPLE_TYPE: 24, READ_FORMAT: 32, FLAGS: 40 } as const;
/** As many bytes of it as every version has. */
export const ATTR_BYTES_MIN = 48;
/** Which of the flags says that other records have the context of a sample at their end. */
const SAMPLE_ID_ALL = 18;
const FLAG_BITS = 64;
const WORD_BITS = 32;
export const NOT_THERE = -1;

/** What one of perf's events is and what its samples have, all places in bytes after a record's head. */
export interface PerfAttr {
  readonly isTracepoint: boolean;
  readonly hasRaw: boolean;
  /** Places in a sample; NOT_THERE where it has none. */
  readonly idAt: number;
  readonly tidAt: number;
  readonly timeAt: number;
  readonly cpuAt: number;
  /** Where what has no fixed size begins. */
  readonly fixedBytes: number;
  readonly hasCallchain: boolean;
  readonly hasRead: boolean;
  readonly readFormat: number;
  /** The place of the time in other records, in bytes before their end. */
  readonly trailingTimeBytes: number;
}

/** Reads a perf_event_attr, of which ATTR_BYTES_MIN bytes are there. */
export function readAttr(view: DataView, at: number, littleEndian: boolean): PerfAttr {
  const lowAt = littleEndian ? 0 : U32_BYTES;
  const sampleType = view.getUint32(at + ATTR.SAMPLE_TYPE + lowAt, littleEndian);
  const has = (bit: number): boolean => (sampleType & bit) !== 0;
  let next = 0;
  const place = (bit: number): number => {
    if (!has(bit)) return NOT_THERE;
    next += U64_BYTES;
    return next - U64_BYTES;
  };
  const identifierAt = place(SAMPLE.IDENTIFIER);
  place(SAMPLE.IP);
  const tidAt = place(SAMPLE.TID);
  const timeAt = place(SAMPLE.TIME);
  place(SAMPLE.ADDR);
  const plainIdAt = place(SAMPLE.ID);
  place(SAMPLE.STREAM_ID);
  const cpuAt = place(SAMPLE.CPU);
  place(SAMPLE.PERIOD);
  // The order at the end of other records: task, time, id, stream, processor, identifier.
  const afterTime = [SAMPLE.ID, SAMPLE.STREAM_ID, SAMPLE.CPU, SAMPLE.IDENTIFIER].filter(has).length;
  const hasTrailer = has(SAMPLE.TIME) && flag(view, at + ATTR.FLAGS, littleEndian);
  return {
    isTracepoint: view.getUint32(at + ATTR.TYPE, littleEndian) === TYPE_TRACEPOINT,
    hasRaw: has(SAMPLE.RAW),
    idAt: identifierAt === NOT_THERE ? plainIdAt : identifierAt,
    tidAt,
    timeAt,
    cpuAt,
    fixedBytes: next,
    hasCallchain: has(SAMPLE.CALLCHAIN),
    hasRead: has(SAMPLE.READ),
    readFormat: view.getUint32(at + ATTR.READ_FORMAT + lowAt, littleEndian),
    trailingTimeBytes: hasTrailer ? (afterTime + 1) * U64_BYTES : NOT_THERE,
  };
}

/** SAMPLE_ID_ALL; a machine that has the high byte first counts the bits of a field from the other end. */
function flag(view: DataView, at: number, littleEndian: boolean): boolean {
  const word = littleEndian ? view.getUint32(at, true) : view.getUint32(at, false);
  const bit = littleEndian ? SAMPLE_ID_ALL : FLAG_BITS - 1 - SAMPLE_ID_ALL - WORD_BITS;
  return ((word >>> bit) & 1) === 1;
}

/**
 * Where the record of a tracepoint lies in a sample whose body is in bytes start … end - 1: after the counter's values
 * and the call chain, with its length before it. Fills `into`; false where it is not there.
 */
export function findRaw(
  attr: PerfAttr,
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
  into: { start: number; end: number },
): boolean {
  let at = start + attr.fixedBytes;
  const lowAt = littleEndian ? 0 : U32_BYTES;
  // Counts of what comes next are below 2^16, as a record's size is; what is more is caught by the end.
  const count = (): number =>
    at + U64_BYTES > end ? Number.POSITIVE_INFINITY : view.getUint32(at + lowAt, littleEndian);
  if (attr.hasRead) at += readBytes(attr.readFormat, (attr.readFormat & READ.GROUP) === 0 ? 1 : count());
  if (attr.hasCallchain) at += (count() + 1) * U64_BYTES;
  if (at + U32_BYTES > end) return false;
  const sizeBytes = view.getUint32(at, littleEndian);
  into.start = at + U32_BYTES;
  into.end = into.start + sizeBytes;
  return into.end <= end;
}

function readBytes(format: number, valueCount: number): number {
  const has = (bit: number): number => Number((format & bit) !== 0);
  const times = has(READ.TIME_ENABLED) + has(READ.TIME_RUNNING);
  const each = 1 + has(READ.ID) + has(READ.LOST);
  return (has(READ.GROUP) + times + each * valueCount) * U64_BYTES;
}

import type { ByteSource } from "../trace/byte-source.ts";
import { NO_TIME } from "../trace/event-context.ts";
import { latin1 } from "../trace/line-scan.ts";
import type { OpTotals } from "../trace/op-stream.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import type { ReaderSetting } from "../trace/trace-reader.ts";
import type { FormSummary } from "../trace/trace-summary.ts";
import { emptyRecord, KernelRecords, type RecordBytes } from "./kernel-records.ts";
import { ATTR_BYTES_MIN, findRaw, NOT_THERE, type PerfAttr, readAttr } from "./perf-attr.ts";
import { type PerfFile, readDescription, readPerfFile } from "./perf-file.ts";
import { PerfOrder, type Waiting } from "./perf-order.ts";
import { HEAD_BYTES, PerfRecords, RecordCutter } from "./perf-records.ts";
import { SourceCursor } from "./source-cursor.ts";
import { UnpackedTally } from "./trace-dat-packing.ts";
import type { TracingDescription } from "./tracing-header.ts";
import { turn, WholeFileReader } from "./whole-file-reader.ts";
import { ZstdParts } from "./zstd-stream.ts";

/** The form's id. */
const FORM = "perfdata";

/** Kinds of records. */
const RECORD = {
  LOST: 2,
  COMM: 3,
  FORK: 7,
  SAMPLE: 9,
  LOST_SAMPLES: 13,
  ATTR: 64,
  TRACING_DATA: 66,
  FINISHED_ROUND: 68,
  AUXTRACE: 71,
  COMPRESSED: 81,
  COMPRESSED2: 83,
} as const;

const U32_BYTES = 4;
const U64_BYTES = 8;
const RECORDS_PER_TURN = 32_768;
const TWO_TO_32 = 2 ** 32;
const COMM_BYTES_MAX = 64;
/** Names of tasks that are kept; a file with more was made to fill a machine. */
const COMMS_MAX = 2 ** 20;
const NO_TRACEPOINTS = "it has no tracepoints; record them: `perf record -e 'kmem:*' -a`, or `perf kmem record`";

/** Reads perf's files (perf.data), and what `perf record -o -` writes. */
export class PerfDataReader extends WholeFileReader {
  readonly #records: KernelRecords;
  readonly #broken: ReaderSetting["broken"];
  readonly #order: PerfOrder;
  readonly #comms = new Map<number, string>();
  readonly #raw = { start: 0, end: 0 };
  readonly #unpacked = new UnpackedTally();
  #file!: PerfFile;
  #isDescribed = false;
  #position = 0;
  /** The first time, in two halves, from which the others count, and what they count from when they are handed on. */
  #base: { readonly high: number; readonly low: number } | undefined;
  #zero = 0;

  constructor(setting: ReaderSetting) {
    super();
    this.#records = new KernelRecords(setting, true);
    this.#broken = setting.broken;
    this.#order = new PerfOrder((waiting) => this.#emit(waiting));
  }

  get position(): number {
    return this.#position;
  }

  totals(): OpTotals {
    return this.#records.totals();
  }

  summarize(): FormSummary {
    return this.#records.summarize(FORM);
  }

  async readWhole(source: ByteSource, onProgress: (doneBytes: number) => void): Promise<void> {
    this.#file = readPerfFile(source);
    const { attrs, description, littleEndian, dataStart, dataEnd } = this.#file;
    if (description !== undefined) this.#describe(description);
    else if (attrs.count > 0) throw new TraceFormatError(NO_TRACEPOINTS);
    const records = new PerfRecords(source, littleEndian, dataStart, dataEnd);
    const cutter = new RecordCutter(littleEndian, (type, bytes, view, start, end) => {
      this.#take(type, { bytes, view }, start, end);
    });
    const unpacker = new ZstdParts((bytes) => {
      this.#unpacked.add(0, bytes.length);
      cutter.push(bytes);
    });
    try {
      await this.#readRecords(source, records, { unpacker, cutter }, onProgress);
    } finally {
      unpacker.close();
    }
    if (cutter.isLost) this.#reject("a packed record has no size, so that the next one cannot be found");
    if (records.damage !== undefined) this.#reject(records.damage);
    this.#order.end();
    if (!attrs.hasTracepoint) throw new TraceFormatError(NO_TRACEPOINTS);
    this.#position = source.sizeBytes;
    onProgress(source.sizeBytes);
  }

  async #readRecords(
    source: ByteSource,
    records: PerfRecords,
    packed: { readonly unpacker: ZstdParts; readonly cutter: RecordCutter },
    onProgress: (doneBytes: number) => void,
  ): Promise<void> {
    const { unpacker, cutter } = packed;
    let left = RECORDS_PER_TURN;
    let isUnpackable = true;
    while (records.next()) {
      const { type, start, end } = records;
      this.#position = records.position;
      if (type === RECORD.COMPRESSED || type === RECORD.COMPRESSED2) {
        if (isUnpackable && !cutter.isLost) isUnpackable = await this.#unpack(records, unpacker);
      } else if (type === RECORD.TRACING_DATA || type === RECORD.AUXTRACE) this.#passOver(source, records);
      else this.#take(type, records, start, end);
      left -= 1;
      if (left > 0) continue;
      left = RECORDS_PER_TURN;
      onProgress(records.position);
      await turn();
    }
  }

  /** Unpacks a record of packed ones; false where nothing more can be unpacked. */
  async #unpack({ bytes, view, type, start, end }: PerfRecords, unpacker: ZstdParts): Promise<boolean> {
    let from = start + HEAD_BYTES;
    let to = end;
    if (type === RECORD.COMPRESSED2) {
      // Its size comes first, since the record is filled up to a multiple of eight.
      to = Math.min(end, from + U64_BYTES + (from + U64_BYTES <= end ? this.#number(view, from) : 0));
      from += U64_BYTES;
    }
    if (from >= to) return true;
    this.#unpacked.add(to - from, 0);
    try {
      await unpacker.push(bytes.slice(from, to));
      return true;
    } catch (error) {
      if (error instanceof TraceFormatError) throw error;
      this.#reject("packed records cannot be unpacked, from here on");
      return false;
    }
  }

  /** Records that are followed by as many bytes as they say: a description of tracepoints, or what is not looked at. */
  #passOver(source: ByteSource, records: PerfRecords): void {
    const { view, type, start, end } = records;
    const isDescription = type === RECORD.TRACING_DATA;
    if (start + HEAD_BYTES + (isDescription ? U32_BYTES : U64_BYTES) > end) return;
    const { littleEndian } = this.#file;
    const at = start + HEAD_BYTES;
    const sizeBytes = isDescription ? view.getUint32(at, littleEndian) : this.#number(view, at);
    if (isDescription && !this.#isDescribed) {
      this.#describe(readDescription(source, records.after, records.after + sizeBytes));
    }
    records.skip(isDescription ? Math.ceil(sizeBytes / U64_BYTES) * U64_BYTES : sizeBytes);
  }

  #describe(description: TracingDescription): void {
    const { formats, kallsyms } = description;
    if (!this.#records.describe(formats, kallsyms, this.#file.littleEndian)) {
      throw new TraceFormatError("it does not describe its events");
    }
    this.#isDescribed = true;
  }

  #take(type: number, block: RecordBytes, start: number, end: number): void {
    const body = start + HEAD_BYTES;
    const { view } = block;
    switch (type) {
      case RECORD.SAMPLE:
        this.#sample(block, body, end);
        return;
      case RECORD.COMM:
        this.#comm(block, body, end);
        return;
      case RECORD.FORK:
        this.#fork(view, body, end);
        return;
      case RECORD.FINISHED_ROUND:
        this.#order.endRound();
        return;
      case RECORD.LOST:
        this.#records.lost(body + 2 * U64_BYTES <= end ? this.#number(view, body + U64_BYTES) : 0);
        return;
      case RECORD.LOST_SAMPLES:
        this.#records.lost(body + U64_BYTES <= end ? this.#number(view, body) : 0);
        return;
      case RECORD.ATTR:
        this.#attr(block, body, end);
        return;
      default:
        return;
    }
  }

  /** An event of a stream: its description, as long as that says, and its ids. */
  #attr({ bytes, view }: RecordBytes, body: number, end: number): void {
    const { littleEndian, attrs } = this.#file;
    if (body + ATTR_BYTES_MIN > end) return;
    const ids = body + view.getUint32(body + U32_BYTES, littleEndian);
    if (ids < body + ATTR_BYTES_MIN || ids > end) return;
    const source = { sizeBytes: end - ids, read: (at: number, into: Uint8Array) => copy(bytes, ids + at, end, into) };
    attrs.add(readAttr(view, body, littleEndian), new SourceCursor(source, littleEndian));
  }

  #sample(block: RecordBytes, body: number, end: number): void {
    const attr = this.#attrOf(block.view, body, end);
    if (attr === undefined) {
      this.#reject("the sample is of no event that the file describes");
      return;
    }
    if (!attr.isTracepoint || !attr.hasRaw) {
      this.#records.other();
      return;
    }
    const { view } = block;
    const { littleEndian } = this.#file;
    if (body + attr.fixedBytes > end || !findRaw(attr, view, body, end, littleEndian, this.#raw)) {
      this.#reject("the sample is too short");
      return;
    }
    if (!this.#isDescribed) throw new TraceFormatError("it does not describe its events before they come");
    const record = emptyRecord();
    if (!this.#records.decode(block, this.#raw.start, this.#raw.end, this.#position, record)) return;
    if (attr.tidAt !== NOT_THERE) record.pid = view.getInt32(body + attr.tidAt + U32_BYTES, littleEndian);
    const cpu = attr.cpuAt === NOT_THERE ? -1 : view.getInt32(body + attr.cpuAt, littleEndian);
    const time = attr.timeAt === NOT_THERE ? Number.NaN : this.#time(view, body + attr.timeAt);
    const waiting = { time, cpu, record, pid: 0, comm: "" };
    if (Number.isNaN(time)) this.#emit(waiting);
    else this.#order.add(waiting);
  }

  #attrOf(view: DataView, body: number, end: number): PerfAttr | undefined {
    const { attrs, littleEndian } = this.#file;
    const { first } = attrs;
    // All events of a file have the id in one place, or it would be of no use.
    if (first === undefined || attrs.count === 1 || first.idAt === NOT_THERE) return first;
    const at = body + first.idAt;
    if (at + U64_BYTES > end) return undefined;
    const one = view.getInt32(at, littleEndian);
    const other = view.getInt32(at + U32_BYTES, littleEndian);
    return littleEndian ? attrs.byId(other, one) : attrs.byId(one, other);
  }

  #comm({ bytes, view }: RecordBytes, body: number, end: number): void {
    const from = body + 2 * U32_BYTES;
    if (from >= end) return;
    const zero = bytes.indexOf(0, from);
    const to = Math.min(end, from + COMM_BYTES_MAX, zero < 0 ? end : zero);
    this.#rename(view, end, view.getInt32(body + U32_BYTES, this.#file.littleEndian), latin1(bytes, from, to));
  }

  /** A new task has the name of the one that it comes from. */
  #fork(view: DataView, body: number, end: number): void {
    if (body + 4 * U32_BYTES > end) return;
    const { littleEndian } = this.#file;
    const tid = view.getInt32(body + 2 * U32_BYTES, littleEndian);
    const comm = this.#comms.get(view.getInt32(body + 3 * U32_BYTES, littleEndian));
    if (comm !== undefined && tid > 0) this.#rename(view, end, tid, comm);
  }

  /** Notes a task's name from the time on that the record has at its end; those of running tasks have none. */
  #rename(view: DataView, end: number, pid: number, comm: string): void {
    const trailing = this.#file.attrs.first?.trailingTimeBytes ?? NOT_THERE;
    const at = end - trailing;
    const hasTime = trailing !== NOT_THERE && at >= 0 && (view.getUint32(at) | view.getUint32(at + U32_BYTES)) !== 0;
    const waiting = { time: hasTime ? this.#time(view, at) : 0, cpu: -1, record: undefined, pid, comm };
    if (hasTime) this.#order.add(waiting);
    else this.#emit(waiting);
  }

  #emit({ time, cpu, record, pid, comm }: Waiting): void {
    if (record !== undefined) {
      this.#records.emit(record, Number.isNaN(time) ? NO_TIME : this.#zero + time, cpu, (task) => this.#commOf(task));
      return;
    }
    if (this.#comms.size >= COMMS_MAX) this.#comms.clear();
    this.#comms.set(pid, comm);
    this.#records.forgetThread(pid);
  }

  #commOf(pid: number): string | undefined {
    return pid === 0 ? "swapper" : this.#comms.get(pid);
  }

  /** A time, counted from the first so that differences are exact. */
  #time(view: DataView, at: number): number {
    const { littleEndian } = this.#file;
    const first = view.getUint32(at, littleEndian);
    const second = view.getUint32(at + U32_BYTES, littleEndian);
    const high = littleEndian ? second : first;
    const low = littleEndian ? first : second;
    if (this.#base === undefined) {
      this.#base = { high, low };
      const zero = high * TWO_TO_32 + low;
      this.#zero = zero < Number.MAX_SAFE_INTEGER / 2 ? zero : 0;
    }
    return (high - this.#base.high) * TWO_TO_32 + (low - this.#base.low);
  }

  #number(view: DataView, at: number): number {
    const { littleEndian } = this.#file;
    const first = view.getUint32(at, littleEndian);
    const second = view.getUint32(at + U32_BYTES, littleEndian);
    return littleEndian ? second * TWO_TO_32 + first : first * TWO_TO_32 + second;
  }

  #reject(reason: string): void {
    this.#broken.add(this.#position, reason, () => "a record of perf's");
  }
}

function copy(bytes: Uint8Array, from: number, end: number, into: Uint8Array): number {
  const part = bytes.subarray(from, Math.min(end, from + into.length));
  into.set(part);
  return part.length;
}

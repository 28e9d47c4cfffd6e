import type { ByteSource } from "../trace/byte-source.ts";
import { NO_TIME } from "../trace/event-context.ts";
import type { OpTotals } from "../trace/op-stream.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import type { ReaderSetting } from "../trace/trace-reader.ts";
import type { FormSummary } from "../trace/trace-summary.ts";
import { CpuStream, type OnDamage, PageBudget } from "./cpu-stream.ts";
import { emptyRecord, KernelRecords } from "./kernel-records.ts";
import { MISSED_UNKNOWN, type TimeBase } from "./ring-page.ts";
import { StreamMerge } from "./stream-merge.ts";
import { readTraceDatFile, type TraceDatFile } from "./trace-dat-file.ts";
import type { PageLayout } from "./tracing-header.ts";
import { turn, WholeFileReader } from "./whole-file-reader.ts";

/** The form's id. */
const FORM = "tracedat";
const EVENTS_PER_TURN = 32_768;
/** Clocks that count nanoseconds. */
const NS_CLOCKS: readonly string[] = ["local", "global", "perf", "mono", "mono_raw", "boot", "tai"];
const TWO_TO_32 = 2 ** 32;
const LONG_BYTES: readonly number[] = [4, 8];
const STAMP_BYTES = 8;

/** Reads trace-cmd's files (trace.dat), versions 6 and 7. */
export class TraceDatReader extends WholeFileReader {
  readonly #records: KernelRecords;
  readonly #broken: ReaderSetting["broken"];
  #position = 0;

  constructor(setting: ReaderSetting) {
    super();
    this.#records = new KernelRecords(setting, false);
    this.#broken = setting.broken;
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
    const file = readTraceDatFile(source);
    const { description, littleEndian } = file;
    checkPage(file);
    if (!this.#records.describe(description.formats, description.kallsyms, littleEndian)) {
      throw new TraceFormatError("it does not describe its events");
    }
    const { streams, base } = this.#open(source, file);
    const merge = new StreamMerge();
    for (const stream of streams) if (stream.advance()) merge.add(stream);
    await this.#merge(merge, file, base, onProgress);
    this.#position = source.sizeBytes;
    onProgress(source.sizeBytes);
  }

  /** A stream for each processor, all of whose times count from the earliest page's. */
  #open(source: ByteSource, file: TraceDatFile): { readonly streams: readonly CpuStream[]; readonly base: TimeBase } {
    const base: TimeBase = { high: 0, low: 0 };
    const onDamage: OnDamage = (position, reason, text) => this.#broken.add(position, reason, () => text);
    const onLost = (missed: number): void => this.#records.lost(missed === MISSED_UNKNOWN ? 0 : missed);
    const shared = { budget: new PageBudget(), onDamage, onLost };
    const streams = file.cpus.map((data) => new CpuStream(source, file, data, base, shared));
    let isFirst = true;
    for (const stream of streams) {
      const stamp = stream.firstStamp();
      if (stamp === undefined || !(isFirst || isEarlier(stamp, base))) continue;
      isFirst = false;
      base.high = stamp.high;
      base.low = stamp.low;
    }
    return { streams, base };
  }

  async #merge(
    merge: StreamMerge,
    file: TraceDatFile,
    base: TimeBase,
    onProgress: (doneBytes: number) => void,
  ): Promise<void> {
    const record = emptyRecord();
    const records = this.#records;
    const hasTimes = NS_CLOCKS.includes(file.clock);
    const baseTime = base.high * TWO_TO_32 + base.low;
    // Sums that are not exact would be worse than times that count from the first page.
    const zero = baseTime < Number.MAX_SAFE_INTEGER / 2 ? baseTime : 0;
    const commOf = (pid: number): string | undefined => (pid === 0 ? "<idle>" : file.description.comm(pid));
    let left = EVENTS_PER_TURN;
    for (let stream = merge.first; stream !== undefined; stream = merge.first) {
      const { page } = stream;
      if (records.decode(page.block, page.start, page.end, stream.position, record)) {
        records.emit(record, hasTimes ? zero + page.time : NO_TIME, stream.cpu, commOf);
      }
      merge.advanceFirst();
      left -= 1;
      if (left > 0) continue;
      left = EVENTS_PER_TURN;
      if (stream.position > this.#position) this.#position = stream.position;
      onProgress(this.#position);
      await turn();
    }
  }
}

function isEarlier(a: TimeBase, b: TimeBase): boolean {
  return a.high === b.high ? a.low < b.low : a.high < b.high;
}

/** A page's layout must be one that a page has room for. */
function checkPage({ description: { page }, cpus }: TraceDatFile): void {
  if (page === undefined) throw new TraceFormatError("it does not describe its pages");
  if (!cpus.every(({ pageBytes }) => fits(page, pageBytes))) {
    throw new TraceFormatError("its pages are not as it describes them");
  }
}

function fits({ timestamp, commit, dataOffset }: PageLayout, pageBytes: number): boolean {
  const isKnown = timestamp.size === STAMP_BYTES && LONG_BYTES.includes(commit.size);
  const headEnd = Math.max(timestamp.offset + timestamp.size, commit.offset + commit.size);
  return isKnown && headEnd <= pageBytes && dataOffset < pageBytes;
}

import { type ByteSource, MemorySource } from "../trace/byte-source.ts";
import { latin1 } from "../trace/line-scan.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { SourceCursor } from "./source-cursor.ts";
import { type Packing, packingOf, UnpackedTally, unpack } from "./trace-dat-packing.ts";
import { checkPageBytes, readTracingStart, TracingDescription } from "./tracing-header.ts";

/** Where the pages of one processor lie. */
export interface CpuData {
  readonly cpu: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly pageBytes: number;
  /** Whether the pages are in chunks that are packed each by itself. */
  readonly packing: Packing;
}

/** What a trace.dat file has before its events. */
export interface TraceDatFile {
  readonly description: TracingDescription;
  readonly littleEndian: boolean;
  /** What its times count, as the kernel names its clocks. */
  readonly clock: string;
  readonly cpus: readonly CpuData[];
  readonly unpacked: UnpackedTally;
}

/** Sorts of options. */
const OPTION = {
  DONE: 0,
  BUFFER: 3,
  TRACECLOCK: 4,
  HEADER_INFO: 16,
  FTRACE_EVENTS: 17,
  EVENT_FORMATS: 18,
  KALLSYMS: 19,
  CMDLINES: 21,
  BUFFER_TEXT: 22,
} as const;

const VERSIONS: readonly number[] = [6, 7];
const DEFAULT_CLOCK = "local";
const MIB = 2 ** 20;
const KIND_BYTES = 10;
const NAME_BYTES_MAX = 256;
const OPTION_BYTES_MAX = 16 * MIB;
const SECTION_BYTES_MAX = 96 * MIB;
const SECTIONS_MAX = 1024;
const OPTIONS_MAX = 65_536;
const BUFFERS_MAX = 256;
/** More than any configuration of Linux allows. */
const CPUS_MAX = 16_384;
const PACKED_FLAG = 1;
const TEXT_ADVICE =
  "it holds text of a latency tracer and no events; make text of it: `trace-cmd report -i FILE | kmem replay -`";

interface Option {
  readonly kind: number;
  readonly data: SourceCursor;
}

/** Reads all of a file but its events. */
export function readTraceDatFile(source: ByteSource): TraceDatFile {
  const cursor = new SourceCursor(source, true);
  const { version, pageBytes } = readTracingStart(cursor);
  if (!VERSIONS.includes(version)) {
    throw new TraceFormatError(`it has version ${version}, and only ${VERSIONS.join(" and ")} are read`);
  }
  const parser = new TraceDatParser(source, cursor.littleEndian, pageBytes);
  if (version === VERSIONS[0]) parser.readInOnePiece(cursor);
  else parser.readSections(cursor);
  return parser.finish();
}

class TraceDatParser {
  readonly #source: ByteSource;
  readonly #littleEndian: boolean;
  readonly #pageBytes: number;
  readonly #description = new TracingDescription();
  readonly #cpus: CpuData[] = [];
  readonly #unpacked = new UnpackedTally();
  #clock = DEFAULT_CLOCK;
  #packing: Packing = "none";
  #optionCount = 0;
  #optionBytes = 0;
  /** Sorts of sections that have been read: each is read once, however often the options name one. */
  readonly #seen = new Set<number>();
  #bufferCount = 0;
  #hasText = false;

  constructor(source: ByteSource, littleEndian: boolean, pageBytes: number) {
    this.#source = source;
    this.#littleEndian = littleEndian;
    this.#pageBytes = pageBytes;
  }

  finish(): TraceDatFile {
    if (this.#cpus.length === 0 && this.#hasText) throw new TraceFormatError(TEXT_ADVICE);
    return {
      description: this.#description,
      littleEndian: this.#littleEndian,
      clock: this.#clock,
      cpus: this.#cpus,
      unpacked: this.#unpacked,
    };
  }

  /** Version 6: everything in one order. */
  readInOnePiece(cursor: SourceCursor): void {
    this.#description.readAll(cursor, VERSIONS[0]!);
    const cpuCount = cursor.u32();
    this.#readRest(cursor, cpuCount);
  }

  #readRest(cursor: SourceCursor, cpuCount: number): void {
    let kind = this.#kind(cursor);
    const buffers: number[] = [];
    if (kind === "options  ") {
      for (const { kind: option, data } of this.#options(cursor)) {
        if (option === OPTION.BUFFER) buffers.push(data.u64());
        else if (option === OPTION.TRACECLOCK) this.#setClock(restOf(data));
      }
      kind = this.#kind(cursor);
    }
    if (kind === "latency  ") {
      this.#hasText = true;
      return;
    }
    if (kind !== "flyrecord") throw new TraceFormatError("what stands before its events is of no known kind");
    this.#checkCpus(cpuCount);
    for (let cpu = 0; cpu < cpuCount; cpu += 1) this.#addCpu(cpu, cursor.u64(), cursor.u64(), this.#pageBytes, "none");
    // Buffers of further instances of the tracer have a table of their own each.
    for (const offset of buffers) {
      this.#countBuffer();
      this.#readRest(new SourceCursor(this.#source, this.#littleEndian, offset), cpuCount);
    }
  }

  #kind(cursor: SourceCursor): string {
    const bytes = cursor.bytes(KIND_BYTES, KIND_BYTES, "the kind");
    return latin1(bytes, 0, KIND_BYTES - 1);
  }

  /** Options one after another, up to the one that ends them; its data is there in version 7 alone. */
  *#options(cursor: SourceCursor): Generator<Option> {
    for (;;) {
      const kind = cursor.u16();
      if (kind === OPTION.DONE) return;
      const bytes = cursor.bytes(cursor.u32(), OPTION_BYTES_MAX, "an option");
      this.#optionCount += 1;
      this.#optionBytes += bytes.length;
      if (this.#optionCount > OPTIONS_MAX || this.#optionBytes > OPTION_BYTES_MAX) {
        throw new TraceFormatError("it has too many options");
      }
      yield { kind, data: new SourceCursor(new MemorySource(bytes), this.#littleEndian) };
    }
  }

  /** Version 7: sections that options point to. */
  readSections(cursor: SourceCursor): void {
    this.#packing = packingOf(cursor.text(NAME_BYTES_MAX));
    cursor.text(NAME_BYTES_MAX);
    let offset = cursor.u64();
    for (let left = SECTIONS_MAX; offset !== 0; left -= 1) {
      if (left === 0) throw new TraceFormatError("its sections of options do not end");
      const section = this.#section(offset);
      for (const option of this.#options(section)) this.#takeOption(option);
      // The last option's size, which is always the same, and the place of the next section.
      section.u32();
      offset = section.u64();
    }
  }

  /** The contents of a section, unpacked. */
  #section(offset: number): SourceCursor {
    const head = new SourceCursor(this.#source, this.#littleEndian, offset);
    head.u16();
    const flags = head.u16();
    head.u32();
    const sizeBytes = head.u64();
    if ((flags & PACKED_FLAG) === 0) {
      return new SourceCursor(this.#source, this.#littleEndian, head.offset, head.offset + sizeBytes);
    }
    const packedBytes = head.u32();
    const unpackedBytes = head.u32();
    if (unpackedBytes > SECTION_BYTES_MAX) throw new TraceFormatError("a section of it is too large");
    const packed = head.bytes(packedBytes, SECTION_BYTES_MAX, "a section");
    this.#unpacked.add(packedBytes, unpackedBytes);
    const bytes = unpack(this.#packing, packed, unpackedBytes);
    if (bytes === undefined) throw new TraceFormatError("a section of its header cannot be unpacked");
    return new SourceCursor(new MemorySource(bytes), this.#littleEndian);
  }

  #takeOption({ kind, data }: Option): void {
    const description = this.#description;
    if (kind >= OPTION.HEADER_INFO && this.#seen.has(kind)) return;
    this.#seen.add(kind);
    switch (kind) {
      case OPTION.BUFFER:
        this.#readBuffer(data);
        return;
      case OPTION.TRACECLOCK:
        this.#setClock(restOf(data));
        return;
      case OPTION.HEADER_INFO:
        description.readPageHeader(this.#section(data.u64()));
        return;
      case OPTION.FTRACE_EVENTS:
        description.readFtraceFormats(this.#section(data.u64()));
        return;
      case OPTION.EVENT_FORMATS:
        description.readFormats(this.#section(data.u64()));
        return;
      case OPTION.KALLSYMS:
        description.readKallsyms(this.#section(data.u64()));
        return;
      case OPTION.CMDLINES:
        description.readComms(this.#section(data.u64()));
        return;
      case OPTION.BUFFER_TEXT:
        this.#hasText = true;
        return;
      default:
        return;
    }
  }

  #readBuffer(data: SourceCursor): void {
    this.#countBuffer();
    const section = new SourceCursor(this.#source, this.#littleEndian, data.u64());
    data.text(NAME_BYTES_MAX);
    const clock = data.text(NAME_BYTES_MAX);
    if (clock !== "") this.#setClock(clock);
    const pageBytes = checkPageBytes(data.u32());
    const cpuCount = data.u32();
    this.#checkCpus(cpuCount);
    section.u16();
    const packing = (section.u16() & PACKED_FLAG) === 0 ? "none" : this.#packing;
    for (let left = cpuCount; left > 0; left -= 1) {
      this.#addCpu(data.u32(), data.u64(), data.u64(), pageBytes, packing);
    }
  }

  #countBuffer(): void {
    this.#bufferCount += 1;
    if (this.#bufferCount > BUFFERS_MAX) throw new TraceFormatError(`it has more than ${BUFFERS_MAX} buffers`);
  }

  #checkCpus(cpuCount: number): void {
    if (this.#cpus.length + cpuCount > CPUS_MAX) throw new TraceFormatError(`it would have ${cpuCount} processors`);
  }

  #addCpu(cpu: number, offset: number, sizeBytes: number, pageBytes: number, packing: Packing): void {
    if (sizeBytes === 0) return;
    // A file that was cut short still says what was to come, but what is there is there once.
    if (offset < this.#source.sizeBytes && this.#cpus.some((other) => overlap(other, offset, sizeBytes))) {
      throw new TraceFormatError("the data of its processors overlap");
    }
    this.#cpus.push({ cpu, offset, sizeBytes, pageBytes, packing });
  }

  /** The clock, of a list in which the one that was in use stands in brackets. */
  #setClock(text: string): void {
    this.#clock = /\[([^\]]{1,64})\]/.exec(text)?.[1] ?? text.replaceAll("\0", "").trim();
  }
}

function overlap(other: CpuData, offset: number, sizeBytes: number): boolean {
  return offset < other.offset + other.sizeBytes && other.offset < offset + sizeBytes;
}

function restOf(data: SourceCursor): string {
  const bytes = data.bytes(data.leftBytes, OPTION_BYTES_MAX, "an option");
  return latin1(bytes, 0, bytes.length);
}

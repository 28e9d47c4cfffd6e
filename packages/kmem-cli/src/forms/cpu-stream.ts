import type { ByteSource } from "../trace/byte-source.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import type { RecordBytes } from "./kernel-records.ts";
import { RingPage, type TimeBase } from "./ring-page.ts";
import type { CpuData, TraceDatFile } from "./trace-dat-file.ts";
import { unpack } from "./trace-dat-packing.ts";

const WORD_BYTES = 4;
const CHUNK_HEAD_BYTES = 2 * WORD_BYTES;
/** No version of trace-cmd packs more than a few pages at once. */
const CHUNK_BYTES_MAX = 2 ** 24;
/** What all processors' pages that are in memory at one time come to at the most. */
const HELD_BYTES_MAX = 2 ** 28;
/** Bytes that are read at a time, of all processors together. */
const READ_BYTES = 2 ** 24;
const PAGES_AT_ONCE_MAX = 16;

/** Is told of what cannot be read, by its place in the file. */
export type OnDamage = (position: number, reason: string, text: string) => void;

/** Memory that the streams of one file share. */
export class PageBudget {
  #heldBytes = 0;

  /** Notes that bytes are held from now on in the place of others. */
  swap(oldBytes: number, newBytes: number): void {
    this.#heldBytes += newBytes - oldBytes;
    if (this.#heldBytes > HELD_BYTES_MAX)
      throw new TraceFormatError("the pages of its processors are too large to be merged");
  }
}

/** The events of one processor in their order. */
export class CpuStream {
  readonly cpu: number;
  readonly page: RingPage;
  readonly #source: ByteSource;
  readonly #file: TraceDatFile;
  readonly #data: CpuData;
  readonly #end: number;
  readonly #budget: PageBudget;
  readonly #onDamage: OnDamage;
  readonly #onLost: (missed: number) => void;
  readonly #readBytes: number;
  #block: RecordBytes = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) };
  /** The file's place of what is read next, and the block's. */
  #offset: number;
  #blockOffset = 0;
  /** Pages of the block that have not been taken begin here; its bytes end there. */
  #pageAt = 0;
  #blockEnd = 0;
  #chunksLeft = 0;

  constructor(
    source: ByteSource,
    file: TraceDatFile,
    data: CpuData,
    base: TimeBase,
    shared: { readonly budget: PageBudget; readonly onDamage: OnDamage; readonly onLost: (missed: number) => void },
  ) {
    this.cpu = data.cpu;
    this.#source = source;
    this.#file = file;
    this.#data = data;
    this.#budget = shared.budget;
    this.#onDamage = shared.onDamage;
    this.#onLost = shared.onLost;
    this.#offset = data.offset;
    this.#end = Math.min(data.offset + data.sizeBytes, source.sizeBytes);
    this.page = new RingPage(file.description.page!, base, file.littleEndian);
    const pages = Math.floor(READ_BYTES / file.cpus.length / data.pageBytes);
    this.#readBytes = Math.min(PAGES_AT_ONCE_MAX, Math.max(1, pages)) * data.pageBytes;
    if (this.#end < data.offset + data.sizeBytes) {
      onCut(shared.onDamage, Math.max(this.#end, 0), data);
    }
    if (data.packing !== "none") this.#chunksLeft = this.#readWord(WORD_BYTES) ?? 0;
  }

  /** The place in the file of the page that it is in, or of the packed chunk. */
  get position(): number {
    const { packing, pageBytes } = this.#data;
    return packing === "none" ? this.#blockOffset + this.#pageAt - pageBytes : this.#blockOffset;
  }

  get time(): number {
    return this.page.time;
  }

  /** The time stamp of the first page, as the file has it; undefined where there is no page. */
  firstStamp(): TimeBase | undefined {
    const { timestamp } = this.#file.description.page!;
    if (this.#pageAt === this.#blockEnd && !this.#fill()) return undefined;
    const little = this.#file.littleEndian;
    const at = this.#pageAt + timestamp.offset;
    const first = this.#block.view.getUint32(at, little);
    const second = this.#block.view.getUint32(at + WORD_BYTES, little);
    return little ? { high: second, low: first } : { high: first, low: second };
  }

  /** Goes to the next event; false where there is none. */
  advance(): boolean {
    while (!this.page.next()) {
      if (this.page.damage !== undefined) this.#onDamage(this.position, this.page.damage, `processor ${this.cpu}`);
      this.page.damage = undefined;
      if (this.#pageAt === this.#blockEnd && !this.#fill()) return this.#release();
      this.page.load(this.#block, this.#pageAt, this.#data.pageBytes);
      this.#pageAt += this.#data.pageBytes;
      if (this.page.missed !== 0) this.#onLost(this.page.missed);
    }
    return true;
  }

  /** Gives back the memory of its pages. */
  #release(): false {
    this.#budget.swap(this.#block.bytes.length, 0);
    this.#block = blockOf(new Uint8Array(0));
    return false;
  }

  /** Reads the next pages. */
  #fill(): boolean {
    return this.#data.packing === "none" ? this.#fillPlain() : this.#fillPacked();
  }

  #fillPlain(): boolean {
    const { pageBytes } = this.#data;
    if (this.#block.bytes.length === 0) {
      this.#budget.swap(0, this.#readBytes);
      this.#block = blockOf(new Uint8Array(this.#readBytes));
    }
    const wanted = Math.min(this.#readBytes, this.#end - this.#offset);
    if (wanted <= 0) return false;
    const count = this.#source.read(this.#offset, this.#block.bytes.subarray(0, wanted));
    const whole = count - (count % pageBytes);
    this.#blockOffset = this.#offset;
    this.#offset += whole;
    if (whole < wanted) {
      // What is left is less than a page: it has no second part to come.
      if (count > whole) this.#onDamage(this.#offset, "the page is cut off", `processor ${this.cpu}`);
      this.#offset = this.#end;
    }
    this.#pageAt = 0;
    this.#blockEnd = whole;
    return whole > 0;
  }

  #fillPacked(): boolean {
    const { pageBytes, packing } = this.#data;
    while (this.#chunksLeft > 0) {
      this.#chunksLeft -= 1;
      this.#blockOffset = this.#offset;
      const packedBytes = this.#readWord(CHUNK_HEAD_BYTES);
      const unpackedBytes = this.#readWord(WORD_BYTES);
      if (packedBytes === undefined || unpackedBytes === undefined || packedBytes > this.#end - this.#offset) {
        this.#chunksLeft = 0;
        this.#onDamage(this.#blockOffset, "the packed pages are cut off", `processor ${this.cpu}`);
        return false;
      }
      const packed = new Uint8Array(Math.min(packedBytes, CHUNK_BYTES_MAX));
      this.#source.read(this.#offset, packed);
      this.#offset += packedBytes;
      const unpacked = this.#unpackChunk(packed, packedBytes, unpackedBytes);
      const whole = unpacked.length - (unpacked.length % pageBytes);
      if (whole === 0) {
        this.#onDamage(this.#blockOffset, "packed pages cannot be unpacked", `processor ${this.cpu}, ${packing}`);
        continue;
      }
      this.#budget.swap(this.#block.bytes.length, unpacked.length);
      this.#block = blockOf(unpacked);
      this.#pageAt = 0;
      this.#blockEnd = whole;
      return true;
    }
    return false;
  }

  #unpackChunk(packed: Uint8Array, packedBytes: number, unpackedBytes: number): Uint8Array {
    const isTooLarge = packedBytes > CHUNK_BYTES_MAX || unpackedBytes > CHUNK_BYTES_MAX;
    const unpacked = isTooLarge ? undefined : unpack(this.#data.packing, packed, unpackedBytes);
    this.#file.unpacked.add(packedBytes, unpacked?.length ?? 0);
    return unpacked ?? new Uint8Array(0);
  }

  /** The next word of the file, if so many bytes are left. */
  #readWord(neededBytes: number): number | undefined {
    if (this.#end - this.#offset < neededBytes) return undefined;
    const bytes = new Uint8Array(WORD_BYTES);
    if (this.#source.read(this.#offset, bytes) < WORD_BYTES) return undefined;
    this.#offset += WORD_BYTES;
    return new DataView(bytes.buffer).getUint32(0, this.#file.littleEndian);
  }
}

function onCut(onDamage: OnDamage, position: number, { cpu, sizeBytes }: CpuData): void {
  onDamage(position, "the file is cut off", `processor ${cpu} has ${sizeBytes} bytes of pages`);
}

function blockOf(bytes: Uint8Array): RecordBytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

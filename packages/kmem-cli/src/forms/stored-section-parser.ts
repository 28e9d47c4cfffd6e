import { crc32, inflateRawSync, zstdDecompressSync } from "node:zlib";
import { TraceFormatError } from "../trace/trace-error.ts";
import {
  FILE_HEAD,
  FILE_MAGIC,
  FILE_VERSION,
  FOOTER,
  FOOTER_MARK,
  PACKING,
  SECTION,
  SECTION_BYTES_MAX,
  SECTION_MARK,
  SECTION_TYPE,
} from "./stored-layout.ts";

/** Takes the sections of a file, unpacked. */
export interface SectionSink {
  /** `offset` is where the section begins in the file. Throws TraceFormatError for what cannot be. */
  section(type: number, count: number, payload: Uint8Array, offset: number): void;
}

const INITIAL_BYTES = 65_536;

/**
 * Cuts a file in kmem's own format into its sections, in chunks, and verifies them. After the first one that is damaged
 * no more are handed on.
 */
export class SectionParser {
  readonly #sink: SectionSink;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  #offset = 0;
  #hasHead = false;
  #hasEnd = false;
  #hasFooter = false;
  #damage: { readonly offset: number; readonly reason: string } | undefined;

  constructor(sink: SectionSink) {
    this.#sink = sink;
  }

  /** Where the next section begins. */
  get offset(): number {
    return this.#offset;
  }

  /** What is wrong with the file, and where that begins; undefined for what is whole so far. */
  get damage(): { readonly offset: number; readonly reason: string } | undefined {
    return this.#damage;
  }

  push(chunk: Uint8Array): void {
    if (this.#damage !== undefined) return;
    this.#append(chunk);
    let at = 0;
    for (let used = this.#take(at); used > 0; used = this.#take(at)) {
      at += used;
      this.#offset += used;
    }
    this.#bytes.copyWithin(0, at, this.#length);
    this.#length -= at;
  }

  end(): void {
    if (this.#damage !== undefined) return;
    if (!this.#hasHead) throw new TraceFormatError("the file ends inside its first bytes");
    if (this.#length > 0) this.#fail(`the file ends inside a section, after ${this.#length} bytes of it`);
    else if (!this.#hasFooter) this.#fail("the file ends before its last section");
  }

  #fail(reason: string): 0 {
    this.#damage = { offset: this.#offset, reason };
    this.#length = 0;
    return 0;
  }

  #append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /** Takes what begins at a position, if it is all there; answers how many bytes it had, or 0. */
  #take(at: number): number {
    const left = this.#length - at;
    if (this.#damage !== undefined || left <= 0) return 0;
    if (!this.#hasHead) return this.#takeHead(left);
    if (this.#hasEnd) return this.#takeFooter(at, left);
    if (left < SECTION.BYTES) return 0;
    const view = new DataView(this.#bytes.buffer, at, left);
    const packedBytes = view.getUint32(SECTION.PACKED_BYTES, true);
    const plainBytes = view.getUint32(SECTION.PLAIN_BYTES, true);
    if (view.getUint32(SECTION.MARK, true) !== SECTION_MARK) return this.#fail("no section begins here");
    if (packedBytes > SECTION_BYTES_MAX || plainBytes > SECTION_BYTES_MAX) return this.#fail("a section is too long");
    if (left < SECTION.BYTES + packedBytes) return 0;
    return this.#takeSection(at, packedBytes, plainBytes);
  }

  #takeSection(at: number, packedBytes: number, plainBytes: number): number {
    const view = new DataView(this.#bytes.buffer, at);
    const payload = this.#bytes.subarray(at + SECTION.BYTES, at + SECTION.BYTES + packedBytes);
    const sum = crc32(payload, crc32(this.#bytes.subarray(at, at + SECTION.CHECKSUM)));
    if (sum !== view.getUint32(SECTION.CHECKSUM, true)) return this.#fail("the checksum of a section is wrong");
    const type = view.getUint8(SECTION.TYPE);
    try {
      const plain = unpack(payload, view.getUint8(SECTION.PACKING), plainBytes);
      this.#sink.section(type, view.getUint32(SECTION.COUNT, true), plain, this.#offset);
    } catch (error) {
      if (!(error instanceof TraceFormatError)) throw error;
      return this.#fail(error.message);
    }
    if (type === SECTION_TYPE.END) this.#hasEnd = true;
    return SECTION.BYTES + packedBytes;
  }

  #takeHead(left: number): number {
    if (left < FILE_HEAD.BYTES) return 0;
    if (FILE_MAGIC.some((byte, index) => this.#bytes[index] !== byte)) {
      throw new TraceFormatError("the first bytes are not those of kmem's format");
    }
    const version = new DataView(this.#bytes.buffer).getUint16(FILE_HEAD.VERSION, true);
    if (version !== FILE_VERSION) throw new TraceFormatError(`version ${version} is not ${FILE_VERSION}`);
    this.#hasHead = true;
    return FILE_HEAD.BYTES;
  }

  #takeFooter(at: number, left: number): number {
    if (this.#hasFooter) return this.#fail("bytes follow the footer");
    if (left < FOOTER.BYTES) return 0;
    const view = new DataView(this.#bytes.buffer, at, FOOTER.BYTES);
    const sum = crc32(this.#bytes.subarray(at, at + FOOTER.CHECKSUM));
    const isFooter = view.getUint32(FOOTER.MARK, true) === FOOTER_MARK && view.getUint32(FOOTER.CHECKSUM, true) === sum;
    if (!isFooter) return this.#fail("something other than the footer follows the last section");
    this.#hasFooter = true;
    return FOOTER.BYTES;
  }
}

/** The payload of a section, which is as long as its head says or refused. */
function unpack(payload: Uint8Array, packing: number, plainBytes: number): Uint8Array {
  let plain: Uint8Array;
  try {
    // More than it is to be makes them throw before there is room for it.
    const options = { maxOutputLength: Math.max(1, plainBytes) };
    if (packing === PACKING.NONE) plain = payload;
    else if (packing === PACKING.DEFLATE) plain = inflateRawSync(payload, options);
    else if (packing === PACKING.ZSTD) plain = zstdDecompressSync(payload, options);
    else throw new TraceFormatError(`a section is packed in a way that is not known (${packing})`);
  } catch (error) {
    if (error instanceof TraceFormatError) throw error;
    throw new TraceFormatError("a section cannot be unpacked");
  }
  if (plain.length !== plainBytes) throw new TraceFormatError("a section is not as long as its head says");
  return plain;
}

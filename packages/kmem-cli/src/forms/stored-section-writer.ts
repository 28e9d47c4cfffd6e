import { constants, crc32, zstdCompressSync } from "node:zlib";
import {
  FILE_HEAD,
  FILE_MAGIC,
  FILE_VERSION,
  FOOTER,
  FOOTER_MARK,
  PACKING,
  SECTION,
  SECTION_MARK,
} from "./stored-layout.ts";

/** Takes the bytes of a file, front to back; they may be used again afterwards. */
export type ByteSink = (bytes: Uint8Array) => void;

const ZSTD_LEVEL = 9;
/** Below this nothing is won by packing. */
const PACKED_FROM_BYTES = 64;

/** Writes the head of a file, its sections, and its footer. */
export class SectionWriter {
  readonly #sink: ByteSink;
  #offset = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
    const head = new Uint8Array(FILE_HEAD.BYTES);
    head.set(FILE_MAGIC, FILE_HEAD.MAGIC);
    new DataView(head.buffer).setUint16(FILE_HEAD.VERSION, FILE_VERSION, true);
    this.#put(head);
  }

  /** Bytes written so far: where the next section begins. */
  get offset(): number {
    return this.#offset;
  }

  section(type: number, count: number, payload: Uint8Array): void {
    const packed =
      payload.length < PACKED_FROM_BYTES
        ? payload
        : zstdCompressSync(payload, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
    const isPacked = packed.length < payload.length;
    const stored = isPacked ? packed : payload;
    const head = new Uint8Array(SECTION.BYTES);
    const view = new DataView(head.buffer);
    view.setUint32(SECTION.MARK, SECTION_MARK, true);
    view.setUint8(SECTION.TYPE, type);
    view.setUint8(SECTION.PACKING, isPacked ? PACKING.ZSTD : PACKING.NONE);
    view.setUint32(SECTION.PACKED_BYTES, stored.length, true);
    view.setUint32(SECTION.PLAIN_BYTES, payload.length, true);
    view.setUint32(SECTION.COUNT, count, true);
    view.setUint32(SECTION.CHECKSUM, crc32(stored, crc32(head.subarray(0, SECTION.CHECKSUM))), true);
    this.#put(head);
    this.#put(stored);
  }

  footer(indexOffset: number): void {
    const bytes = new Uint8Array(FOOTER.BYTES);
    const view = new DataView(bytes.buffer);
    view.setFloat64(FOOTER.INDEX_OFFSET, indexOffset, true);
    view.setUint32(FOOTER.MARK, FOOTER_MARK, true);
    view.setUint32(FOOTER.CHECKSUM, crc32(bytes.subarray(0, FOOTER.CHECKSUM)), true);
    this.#put(bytes);
  }

  #put(bytes: Uint8Array): void {
    this.#offset += bytes.length;
    this.#sink(bytes);
  }
}

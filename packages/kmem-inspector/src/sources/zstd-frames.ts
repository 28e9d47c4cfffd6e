/** The longest window that a frame may ask for: what Node's and zstd's own unpackers grant by default. */
const WINDOW_BYTES_MAX = 2 ** 27;

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const MAGIC_BYTES = 4;
const SKIPPABLE_HEAD_BYTES = 8;
const BLOCK_HEAD_BYTES = 3;
const CHECKSUM_BYTES = 4;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const RUN_BLOCK = 1;
/** Bits of the byte that describes a frame. */
const IS_SINGLE_SEGMENT = 0x20;
const HAS_CHECKSUM = 4;
const DICTIONARY_MASK = 3;
const CONTENT_SIZE_SHIFT = 6;
/** Of a window's byte: the exponent counts from there, and eighths are added. */
const WINDOW_LOG_MIN = 10;
const CONTENT_SIZE_OFFSET = 256;

/**
 * Follows the frames of packed data and refuses one that asks for a longer window than any compressor makes: a few
 * bytes could ask for two gibibytes, which the unpacker would take and move at each block.
 */
export class ZstdFrames {
  readonly #head: number[] = [];
  #skipBytes = 0;
  #isInFrame = false;
  #hasChecksum = false;

  /** Looks at the next bytes. Throws for what no frame is, and for a window that is too long. */
  follow(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#skipBytes > 0) {
        const count = Math.min(this.#skipBytes, piece.length - at);
        this.#skipBytes -= count;
        at += count;
        continue;
      }
      this.#head.push(piece[at]!);
      at += 1;
      const isWhole = this.#isInFrame ? this.#takeBlock() : this.#takeFrame();
      if (isWhole) this.#head.length = 0;
    }
  }

  #takeBlock(): boolean {
    if (this.#head.length < BLOCK_HEAD_BYTES) return false;
    const word = this.#number(0, BLOCK_HEAD_BYTES);
    const isLast = (word & 1) === 1;
    this.#skipBytes = ((word >>> 1) & 3) === RUN_BLOCK ? 1 : word >>> 3;
    if (isLast) {
      this.#skipBytes += this.#hasChecksum ? CHECKSUM_BYTES : 0;
      this.#isInFrame = false;
    }
    return true;
  }

  #takeFrame(): boolean {
    const { length } = this.#head;
    if (length < MAGIC_BYTES) return false;
    const magic = this.#number(0, MAGIC_BYTES);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      if (length < SKIPPABLE_HEAD_BYTES) return false;
      this.#skipBytes = this.#number(MAGIC_BYTES, SKIPPABLE_HEAD_BYTES - MAGIC_BYTES);
      return true;
    }
    if (magic !== FRAME_MAGIC) throw new Error("what follows is no Zstandard frame");
    const flags = this.#head[MAGIC_BYTES];
    if (flags === undefined) return false;
    const isSingle = (flags & IS_SINGLE_SEGMENT) !== 0;
    const sizeBytes = CONTENT_SIZE_BYTES[(flags >>> CONTENT_SIZE_SHIFT) as 0]! || (isSingle ? 1 : 0);
    const sizeAt = MAGIC_BYTES + (isSingle ? 1 : 2) + DICTIONARY_BYTES[(flags & DICTIONARY_MASK) as 0];
    if (length < sizeAt + sizeBytes) return false;
    const windowBytes = isSingle ? this.#contentBytes(sizeAt, sizeBytes) : this.#windowBytes();
    if (windowBytes > WINDOW_BYTES_MAX)
      throw new Error("it asks for more memory to be unpacked than any program packs with");
    this.#hasChecksum = (flags & HAS_CHECKSUM) !== 0;
    this.#isInFrame = true;
    return true;
  }

  #windowBytes(): number {
    const byte = this.#head[MAGIC_BYTES + 1]!;
    const base = 2 ** (WINDOW_LOG_MIN + (byte >>> 3));
    return base + (base / 8) * (byte & 7);
  }

  #contentBytes(at: number, count: number): number {
    return this.#number(at, count) + (count === 2 ? CONTENT_SIZE_OFFSET : 0);
  }

  #number(at: number, count: number): number {
    let value = 0;
    for (let byte = count - 1; byte >= 0; byte--) value = value * 2 ** 8 + this.#head[at + byte]!;
    return value;
  }
}

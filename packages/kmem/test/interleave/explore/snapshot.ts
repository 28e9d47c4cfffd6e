const FNV_PRIME = 0x01000193;
const MIX = 0x9e3779b1;

/** The bytes of a memory as they were, to put back, and to tell what has become of them. */
export class Snapshot {
  readonly #words: Int32Array<ArrayBufferLike>;
  readonly #doubles: Float64Array<ArrayBufferLike>;
  readonly #copy: Float64Array<ArrayBuffer>;
  readonly #copyWords: Int32Array<ArrayBuffer>;

  /** Of a memory whose length is a multiple of 8. */
  constructor(buffer: ArrayBufferLike) {
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#copyWords = new Int32Array(this.#words);
    this.#copy = new Float64Array(this.#copyWords.buffer);
  }

  restore(): void {
    this.#doubles.set(this.#copy);
  }

  /** 64 bits that stand for all that has changed. */
  digest(): string {
    const words = this.#words;
    const before = this.#copyWords;
    let low = 0x811c9dc5;
    let high = 0;
    for (let index = 0; index < words.length; index++) {
      const word = words[index] as number;
      if (word === before[index]) continue;
      low = Math.imul(low ^ word, FNV_PRIME) ^ Math.imul(index, MIX);
      high = Math.imul(high ^ index ^ (low >>> 15), MIX) + word;
    }
    return `${low >>> 0}:${high >>> 0}`;
  }
}

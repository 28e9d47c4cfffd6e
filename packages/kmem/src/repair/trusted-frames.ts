/** The frames of which it is known for certain what they are, while a damaged frame table is repaired. */
export class TrustedFrames {
  readonly #first: number;
  readonly #trusted: Uint8Array;

  /** For the frames from `first` up to `end`. */
  constructor(first: number, end: number) {
    this.#first = first;
    this.#trusted = new Uint8Array(Math.max(0, end - first));
  }

  has(frame: number): boolean {
    return this.#trusted[frame - this.#first] === 1;
  }

  /** Whether any of so many frames is trusted, or lies outside. */
  hasAny(frame: number, count: number): boolean {
    const index = frame - this.#first;
    if (!(index >= 0 && count > 0 && index + count <= this.#trusted.length)) return true;
    return this.#trusted.subarray(index, index + count).includes(1);
  }

  add(frame: number, count: number): void {
    this.#trusted.fill(1, frame - this.#first, frame - this.#first + count);
  }

  /** The frames that are not trusted, in their order; those that are trusted meanwhile are left out. */
  *others(): Generator<number> {
    for (let index = 0; index < this.#trusted.length; index++) {
      if (this.#trusted[index] === 0) yield this.#first + index;
    }
  }
}

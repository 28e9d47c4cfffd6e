/** The frames of which it is known for certain what they are, while a damaged frame table is mended. */
export class SettledFrames {
  readonly #first: number;
  readonly #settled: Uint8Array;

  /** For the frames from `first` up to `end`. */
  constructor(first: number, end: number) {
    this.#first = first;
    this.#settled = new Uint8Array(Math.max(0, end - first));
  }

  has(frame: number): boolean {
    return this.#settled[frame - this.#first] === 1;
  }

  /** Whether any of so many frames is settled, or lies outside. */
  hasAny(frame: number, count: number): boolean {
    const index = frame - this.#first;
    if (!(index >= 0 && count > 0 && index + count <= this.#settled.length)) return true;
    return this.#settled.subarray(index, index + count).includes(1);
  }

  add(frame: number, count: number): void {
    this.#settled.fill(1, frame - this.#first, frame - this.#first + count);
  }

  /** The frames that are not settled, in their order; those that are settled meanwhile are left out. */
  *others(): Generator<number> {
    for (let index = 0; index < this.#settled.length; index++) {
      if (this.#settled[index] === 0) yield this.#first + index;
    }
  }
}

/** Which byte of a new module stands for which one of the module that it was made from. */
export class OffsetMap {
  readonly #starts: number[] = [];
  /** Where bytes were added, which all stand for one of the old module, -1 less that one. */
  readonly #origins: number[] = [];

  /** From `at` on, up to the next start, the bytes are those from `origin` on. Starts are added in their order. */
  add(at: number, origin: number): void {
    const last = this.#starts.length - 1;
    if (last >= 0 && this.#origins[last]! >= 0 && origin - at === this.#origins[last]! - this.#starts[last]!) return;
    this.#starts.push(at);
    this.#origins.push(origin);
  }

  /** From `at` on, up to the next start, the bytes were added before the one at `origin`. */
  addNew(at: number, origin: number): void {
    this.#starts.push(at);
    this.#origins.push(-1 - origin);
  }

  /** The byte of the old module that a byte of the new one was. O(log starts). */
  originOf(at: number): number {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return at;
    const origin = this.#origins[low - 1]!;
    return origin < 0 ? -1 - origin : at - this.#starts[low - 1]! + origin;
  }
}

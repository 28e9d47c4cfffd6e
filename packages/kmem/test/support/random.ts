/** A small seeded source of numbers (mulberry32), so that every run can be had again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // A larger number is rounded: neighbouring seeds would be the same one.
    if (!Number.isSafeInteger(seed)) throw new RangeError(`a seed is a safe integer, not ${seed}`);
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  }

  /** A size in bytes: mostly small, of every magnitude up to `limitBytes`, often next to a power of two. */
  size(limitBytes: number): number {
    const bits = this.below(Math.floor(Math.log2(limitBytes)) + 1);
    if (this.below(4) === 0) return Math.max(0, Math.min(limitBytes, 2 ** bits + this.below(3) - 1));
    return Math.min(limitBytes, this.below(2 ** (bits + 1)));
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** The items in another order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const order = [...items];
    for (let last = order.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [order[last], order[other]] = [order[other] as Item, order[last] as Item];
    }
    return order;
  }
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressTable, hashWordPair, NOT_FOUND } from "../../src/trace/address-table.ts";

/** Word pairs whose hashes agree in the bits that a table of this capacity looks at. */
function collidingPairs(count: number, capacity: number): [high: number, low: number][] {
  const wanted = hashWordPair(0, 8) & (capacity - 1);
  const pairs: [number, number][] = [];
  for (let low = 8; pairs.length < count; low += 8) {
    if ((hashWordPair(-1, low) & (capacity - 1)) === wanted) pairs.push([-1, low]);
  }
  return pairs;
}

describe("AddressTable", () => {
  it("finds what was set and nothing else", () => {
    const table = new AddressTable();
    table.set(0xffff8885, 0x019e6780, 7);
    expect(table.find(0xffff8885, 0x019e6780)).toBe(7);
    expect(table.find(0xffff8885, 0x019e6788)).toBe(NOT_FOUND);
    expect(table.find(0xffff8884, 0x019e6780)).toBe(NOT_FOUND);
    expect(table.find(0x019e6780, 0xffff8885)).toBe(NOT_FOUND);
    expect(table.size).toBe(1);
  });

  it("takes signed and unsigned halves for the same, and key 0 for a key", () => {
    const table = new AddressTable();
    table.set(0xffff8885, 0x80000000, 1);
    table.set(0, 0, 2);
    expect(table.find(0xffff8885 | 0, 0x80000000 | 0)).toBe(1);
    expect(table.find(0, 0)).toBe(2);
  });

  it("replaces a value and removes a key", () => {
    const table = new AddressTable();
    table.set(1, 2, 3);
    table.set(1, 2, 4);
    expect(table.size).toBe(1);
    expect(table.remove(1, 2)).toBe(4);
    expect(table.remove(1, 2)).toBe(NOT_FOUND);
    expect(table.find(1, 2)).toBe(NOT_FOUND);
    expect(table.size).toBe(0);
  });

  it("keeps keys apart that hash to the same place, whichever of them goes first", () => {
    // Eight keys stay below the growth limit of a table of 16 places.
    const pairs = collidingPairs(8, 16);
    for (let first = 0; first < pairs.length; first += 1) {
      const table = new AddressTable();
      for (const [index, [high, low]] of pairs.entries()) table.set(high, low, index);
      const order = [...pairs.keys()].map((index) => (index + first) % pairs.length);
      for (const [step, index] of order.entries()) {
        expect(table.remove(...pairs[index]!)).toBe(index);
        for (const later of order.slice(step + 1)) expect(table.find(...pairs[later]!)).toBe(later);
      }
    }
  });

  it("spreads addresses of one alignment over the table", () => {
    const capacity = 4096;
    for (const alignment of [8, 64, 256, 4096]) {
      const places = new Set<number>();
      for (let i = 0; i < capacity; i += 1) places.add(hashWordPair(0xffff8885, i * alignment) & (capacity - 1));
      // A random function would leave 1/e of the places empty.
      expect(places.size).toBeGreaterThan(capacity * 0.55);
    }
  });

  it("does what a Map does, through growth and any order of calls", () => {
    const word = fc.oneof(fc.integer({ min: 0, max: 7 }), fc.integer());
    const action = fc.record({ kind: fc.constantFrom("set", "remove", "find"), high: word, low: word });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
        const table = new AddressTable();
        const model = new Map<string, number>();
        for (const [index, { kind, high, low }] of actions.entries()) {
          const key = `${high}:${low}`;
          if (kind === "set") {
            table.set(high, low, index);
            model.set(key, index);
          } else if (kind === "remove") {
            expect(table.remove(high, low)).toBe(model.get(key) ?? NOT_FOUND);
            model.delete(key);
          } else {
            expect(table.find(high, low)).toBe(model.get(key) ?? NOT_FOUND);
          }
          expect(table.size).toBe(model.size);
        }
      }),
    );
  });

  it("holds a hundred thousand keys", () => {
    const table = new AddressTable();
    for (let i = 0; i < 100_000; i += 1) table.set(i % 3, i * 64, i);
    let wrongCount = 0;
    for (let i = 0; i < 100_000; i += 2) wrongCount += table.remove(i % 3, i * 64) === i ? 0 : 1;
    expect(table.size).toBe(50_000);
    for (let i = 0; i < 100_000; i += 1) {
      wrongCount += table.find(i % 3, i * 64) === (i % 2 === 0 ? NOT_FOUND : i) ? 0 : 1;
    }
    expect(wrongCount).toBe(0);
  });
});

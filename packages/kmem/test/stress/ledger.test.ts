import { describe, expect, it } from "vitest";
import type { BlockRecord } from "./block-record.ts";
import { Ledger } from "./ledger.ts";

const record = (address: number): BlockRecord => ({
  address,
  sizeBytes: 2 ** 32 - 1,
  seed: 2 ** 31,
  kind: 1,
  owner: 7,
});

describe("a ledger", () => {
  it("keeps records for whoever opens it next", () => {
    const ledger = Ledger.create(3);
    for (const address of [2 ** 32 - 16, 32, 48]) ledger.add(record(address));
    const next = new Ledger(ledger.memory);
    expect([next.count, next.capacity, next.isFull]).toEqual([3, 3, true]);
    expect([...next.records()]).toEqual([record(2 ** 32 - 16), record(32), record(48)]);
    expect(() => next.add(record(64))).toThrow(RangeError);
  });

  it("takes any of them out and keeps the others", () => {
    const ledger = Ledger.create(3);
    for (const address of [16, 32, 48]) ledger.add(record(address));
    expect(ledger.remove(0)).toEqual(record(16));
    expect([...ledger.records()].map(({ address }) => address).sort()).toEqual([32, 48]);
    expect(ledger.remove(1)).toEqual(record(32));
    expect(ledger.remove(0)).toEqual(record(48));
    expect(ledger.count).toBe(0);
    expect(() => ledger.remove(0)).toThrow(RangeError);
  });
});

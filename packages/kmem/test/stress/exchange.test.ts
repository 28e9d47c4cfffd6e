import { describe, expect, it } from "vitest";
import type { BlockRecord } from "./block-record.ts";
import { Exchange } from "./exchange.ts";
import { startPart } from "./parts.ts";

const record = (address: number, owner: number): BlockRecord => ({
  address,
  sizeBytes: 0xffff_fff0,
  seed: 0x8000_0001,
  kind: 3,
  owner,
});

describe("the exchange", () => {
  it("hands over what was left there, as it was, and once", () => {
    const exchange = Exchange.create(8);
    expect(exchange.offer(record(0xffff_f000, 1), 5)).toBe(true);
    expect([...exchange.records()]).toEqual([record(0xffff_f000, 1)]);
    expect(exchange.take(2, 5)).toEqual(record(0xffff_f000, 1));
    expect(exchange.take(2, 5)).toBeUndefined();
    expect([...exchange.records()]).toEqual([]);
  });

  it("gives nobody what it left there itself", () => {
    const exchange = Exchange.create(3);
    exchange.offer(record(16, 1), 0);
    expect(exchange.take(1, 0)).toBeUndefined();
    expect(exchange.take(0, 0)).toEqual(record(16, 1));
    exchange.offer(record(32, 1), 0);
    expect(exchange.takeAny()).toEqual(record(32, 1));
    expect(exchange.takeAny()).toBeUndefined();
  });

  it("takes nothing when it is full", () => {
    const exchange = Exchange.create(2);
    expect([1, 2, 3].map((address) => exchange.offer(record(address, 1), 1))).toEqual([true, true, false]);
    expect([...exchange.records()].map(({ address }) => address).sort()).toEqual([1, 2]);
  });

  it("loses nothing and gives nothing twice between threads", async () => {
    const exchange = Exchange.create(64);
    const records = 20_000;
    const orders = { name: "trade", cells: exchange.memory, party: 0, records } as const;
    const parties = [1, 2, 3];
    // Cells may fill up with one party's records after the others have gone; somebody must go on taking.
    const results = Promise.all(parties.map((party) => startPart(orders, party)));
    let isOver = false;
    const left: number[] = [];
    void results.finally(() => {
      isOver = true;
    });
    for (;;) {
      const wasOver = isOver;
      for (let found = exchange.takeAny(); found !== undefined; found = exchange.takeAny()) left.push(found.address);
      if (wasOver) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const taken = [...left, ...(await results).flat()].sort((a, b) => a - b);
    expect(taken).toEqual(Array.from({ length: parties.length * records }, (_, index) => records + index));
  });
});

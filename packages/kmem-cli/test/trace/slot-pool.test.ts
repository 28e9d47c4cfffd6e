import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlotPool } from "../../src/trace/slot-pool.ts";

describe("SlotPool", () => {
  it("gives out the latest slot that came back, and a new one when there is none", () => {
    const pool = new SlotPool();
    expect([pool.take(), pool.take(), pool.take()]).toEqual([0, 1, 2]);
    pool.giveBack(0);
    pool.giveBack(2);
    expect([pool.take(), pool.take(), pool.take()]).toEqual([2, 0, 3]);
    expect(pool.slotCount).toBe(4);
    expect(pool.liveCount).toBe(4);
  });

  it("never has a slot out twice, and needs as many as were out at once", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 3000 }), (choices) => {
        const pool = new SlotPool();
        const out: number[] = [];
        let mostOut = 0;
        for (const choice of choices) {
          if (choice < 6 || out.length === 0) {
            const slot = pool.take();
            expect(out).not.toContain(slot);
            out.push(slot);
          } else {
            pool.giveBack(out.splice(choice % out.length, 1)[0]!);
          }
          mostOut = Math.max(mostOut, out.length);
          expect(pool.liveCount).toBe(out.length);
        }
        expect(pool.slotCount).toBe(mostOut);
      }),
      { numRuns: 30 },
    );
  });

  it("takes back more slots than it first has room for", () => {
    const pool = new SlotPool();
    const count = 5000;
    for (let i = 0; i < count; i += 1) pool.take();
    for (let i = 0; i < count; i += 1) pool.giveBack(i);
    const again = new Set(Array.from({ length: count }, () => pool.take()));
    expect(again.size).toBe(count);
    expect(pool.slotCount).toBe(count);
  });
});

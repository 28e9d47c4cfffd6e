import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { breakSeal, firstStamp, LEAST_SEALED_BYTES, nextStamp, seal } from "../../../src/threads/work/seal.ts";

const ADDRESS = 32;
const words = (): Int32Array => new Int32Array(20_000);

describe("the seal of a block", () => {
  it("is whole as long as nobody writes to its ends, whatever the size, and is broken only once", () => {
    fc.assert(
      fc.property(fc.integer({ min: LEAST_SEALED_BYTES, max: 65_535 }), fc.nat(200), (sizeBytes, number) => {
        const memory = words();
        seal(memory, ADDRESS, sizeBytes, firstStamp(number));
        memory.fill(-1, 0, ADDRESS / 4);
        memory.fill(-1, (ADDRESS + sizeBytes + 3) >>> 2);
        expect(breakSeal(memory, ADDRESS)).toBe(0);
        expect(breakSeal(memory, ADDRESS)).toBe(1);
      }),
    );
  });

  it("shows a change of either end", () => {
    for (const word of [ADDRESS / 4, (ADDRESS + 100 - 4) / 4]) {
      const memory = words();
      seal(memory, ADDRESS, 100, firstStamp(0));
      memory[word]! ^= 1 << 20;
      expect(breakSeal(memory, ADDRESS)).toBe(1);
    }
  });

  it("shows that a block was handed out twice, to whoever frees later", () => {
    const memory = words();
    seal(memory, ADDRESS, 64, firstStamp(0));
    seal(memory, ADDRESS, 64, nextStamp(firstStamp(0)));
    expect([breakSeal(memory, ADDRESS), breakSeal(memory, ADDRESS)]).toEqual([0, 1]);
  });

  it("shows that a block begins in the last word of another", () => {
    const memory = words();
    seal(memory, ADDRESS, 52, firstStamp(0));
    seal(memory, ADDRESS + 48, 64, firstStamp(1));
    expect(breakSeal(memory, ADDRESS)).toBe(1);
  });

  it("has a stamp beside the size, different for the first blocks of all threads", () => {
    const stamps = Array.from({ length: 128 }, (_, number) => firstStamp(number));
    expect(new Set(stamps).size).toBe(128);
    for (const stamp of stamps) expect([stamp & 0xffff, nextStamp(stamp) & 0xffff]).toEqual([0, 0]);
  });
});

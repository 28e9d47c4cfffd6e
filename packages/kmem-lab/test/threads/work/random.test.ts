import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { below, nextRandom, randomSeed } from "../../../src/threads/work/random.ts";

describe("the random numbers of a thread", () => {
  it("are those of xorshift with 13, 17 and 5", () => {
    // From the state 1, by hand: 1 ^ 1 << 13 = 8193; 8193 ^ 0 = 8193; 8193 ^ 8193 << 5 = 270369.
    expect(nextRandom(1)).toBe(270_369);
    expect(nextRandom(270_369) >>> 0).toBe(67_634_689);
  });

  it("begin differently for each thread, and never at 0, from where they would not move", () => {
    const seeds = Array.from({ length: 128 }, (_, number) => randomSeed(number));
    expect(new Set(seeds).size).toBe(128);
    expect(seeds).not.toContain(0);
  });

  it("are brought below a limit, and reach both ends", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 65_536 }), (random, limit) => {
        expect(below(random, limit)).toBeGreaterThanOrEqual(0);
        expect(below(random, limit)).toBeLessThan(limit);
        expect(below(0, limit)).toBe(0);
        expect(below(-1, limit)).toBe(limit - 1);
      }),
    );
  });
});

import { describe, expect, it } from "vitest";
import { BARRIER_PARTIES_MAX, Barrier } from "./barrier.ts";
import { startPart } from "./parts.ts";

const newWords = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(64));
const atBeat = (): void => undefined;

describe("the barrier", () => {
  it("lets nobody go on before all have come, meeting after meeting", async () => {
    const parties = 3;
    const words = newWords();
    const orders = { name: "meet", words: words.buffer, parties, meetings: 2000 } as const;
    const faults = await Promise.all([0, 1, 2].map((party) => startPart(orders, party)));
    expect(faults).toEqual([[], [], []]);
  });

  it("opens at once for one party alone", () => {
    const barrier = new Barrier(newWords(), 0, 1);
    for (let meeting = 0; meeting < 1000; meeting++) barrier.meet({ atBeat });
  });

  it("ends a wait with what the beat throws", () => {
    const barrier = new Barrier(newWords(), 0, 2);
    const stop = new Error("enough");
    const throwIt = (): void => {
      throw stop;
    };
    expect(() => barrier.meet({ atBeat: throwIt })).toThrow(stop);
  });

  it("stays closed while one who had come does an errand", () => {
    const words = newWords();
    const arrivals: number[] = [];
    let errands = 3;
    let beats = 0;
    const barrier = new Barrier(words, 0, 2);
    barrier.meet({
      // The other party comes when there is no errand left.
      atBeat: () => {
        beats++;
        if (errands === 0) new Barrier(words, 0, 2).meet({ atBeat });
      },
      hasErrand: () => errands > 0,
      doErrand: () => {
        errands--;
        arrivals.push(words[0]);
      },
    });
    expect(arrivals).toEqual([0, 0, 0]);
    expect(beats).toBe(4);
  });

  it("does no errand once the meeting is over", () => {
    const words = newWords();
    let errands = 0;
    new Barrier(words, 0, 2).meet({
      atBeat: () => new Barrier(words, 0, 2).meet({ atBeat }),
      hasErrand: () => true,
      doErrand: () => {
        errands++;
      },
    });
    expect(errands).toBe(0);
  });

  it("takes no more parties than it can count", () => {
    expect(() => new Barrier(newWords(), 0, BARRIER_PARTIES_MAX + 1)).toThrow(RangeError);
    expect(() => new Barrier(newWords(), 0, 0)).toThrow(RangeError);
  });

  it("goes on when its count of meetings wraps", () => {
    const words = newWords();
    words[0] = 0x7fff_ff00;
    const barrier = new Barrier(words, 0, 1);
    for (let meeting = 0; meeting < 3; meeting++) barrier.meet({ atBeat });
    expect(words[0]).toBe((0x7fff_ff00 + 3 * 256) | 0);
  });
});

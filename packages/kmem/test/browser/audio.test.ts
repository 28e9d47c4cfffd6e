import { expect, it } from "vitest";
import { describeInChromium } from "./support/in-chromium.ts";

const FRAMES_PER_QUANTUM = 128;
const QUANTA = 1500;
const THREADS = 3;
const FOREIGN_FREES = 30;

describeInChromium("a heap that an audio worklet shares with a page and a worker", (openPage) => {
  it("serves the worklet while it renders, which cannot sleep, and ends as it began", async () => {
    const page = await openPage<typeof import("./pages/audio.ts")>("isolated", "audio.ts");
    const { audio, parts, before, after, findings } = await page.call(
      "tradeWhileRendering",
      QUANTA * FRAMES_PER_QUANTUM,
    );
    expect(audio.canBlock).toBe(false);
    expect(audio.waitRefusal).toMatchObject({ name: "KmemError", code: "MUST_NOT_BLOCK" });
    expect(audio.quanta).toBe(QUANTA);
    expect(new Set([audio, ...parts].map(({ slot }) => slot)).size).toBe(THREADS);
    for (const { faults, foreignFrees } of [audio, ...parts]) {
      expect(faults).toEqual([]);
      expect(foreignFrees).toBeGreaterThan(FOREIGN_FREES);
    }
    expect(findings).toEqual([]);
    expect(after).toEqual(before);
  });
});

import { describe, expect, it } from "vitest";
import { planPasses } from "../../src/replay/jobs.ts";

describe("the passes of a timed process", () => {
  it.each([
    [1, 15],
    [89_745, 15],
    [300_000, 7],
    [522_263, 5],
    [682_706, 3],
    [5_000_000, 3],
  ])("are few over long workloads and odd in number: %d operations, %d passes", (opCount, timedCount) => {
    expect(planPasses({ opCount }, false).timedCount).toBe(timedCount);
  });

  it("are warmed up longer where a compiler is at work meanwhile", () => {
    expect(planPasses({ opCount: 1 }, false).warmupMs).toBeGreaterThan(planPasses({ opCount: 1 }, true).warmupMs);
    expect(planPasses({ opCount: 1 }, false).timedCount).toBe(planPasses({ opCount: 1 }, true).timedCount);
  });
});

import { describe, expect, it } from "vitest";
import type { AllocatorResult } from "../../src/replay/report.ts";
import { outliersOf, warningsOf } from "../../src/replay/warnings.ts";
import { result, trace, workload } from "../report/support.ts";

const IDLE = { node: "1", platform: "linux", arch: "x64", cpuModel: "a", cpuCount: 4 } as const;

function timed(allocator: string, roundNsPerOp: readonly number[]): AllocatorResult {
  return result(allocator, 10, { time: { medianNsPerOp: 10, minNsPerOp: 9, maxNsPerOp: 12, roundNsPerOp } });
}

function warn(rounds: Readonly<Record<string, readonly number[]>>, loadAverage = 0.1): string[] {
  const results = Object.entries(rounds).map(([name, ofName]) => timed(name, ofName));
  const warnings = warningsOf({ ...IDLE, loadAverage }, { roundCount: 5 }, [trace("t", workload(results))]);
  return warnings.map(({ code, text }) => `${code} ${text}`);
}

describe("the warnings of a report", () => {
  it("are none where nothing is wrong", () => {
    expect(warn({ a: [10, 10.1, 9.9, 10, 10.2] })).toEqual([]);
  });

  it("tell of a machine that is busy", () => {
    expect(warn({ a: [10, 10.1, 9.9, 10, 10.2] }, 3)).toEqual([
      "LOADED the machine was busy before the replay began (3.0 processes wanted to run on 4 CPUs): compare times on " +
        "one that is not",
    ]);
    expect(warningsOf({ ...IDLE, loadAverage: 9 }, { roundCount: 0 }, [])).toEqual([]);
  });

  it("tell of rounds that are far from the others, and whether it is the first", () => {
    expect(warn({ a: [10, 10.1, 9.9, 30, 10.2], b: [20, 10, 10.1, 9.9, 10] })).toEqual([
      "OUTLIERS t (blocks): a: round 4 of 5 is far from the others; something else ran meanwhile",
      "OUTLIERS t (blocks): b: the first round of 5 is far from the others; something else ran meanwhile",
    ]);
  });

  it("tell who has fewer rounds than were asked for", () => {
    expect(warn({ a: [10, 10, 10, 10, 10], b: [99], c: [7, 7] })).toEqual([
      "FEWER_ROUNDS fewer than 5 rounds for want of time: b 1, c 2",
    ]);
  });
});

describe("outliers", () => {
  it("are far from the median by the measure of the others, and by one in twenty", () => {
    expect(outliersOf([10, 10, 10, 10, 10.4])).toEqual([]);
    expect(outliersOf([10, 10, 10, 10, 10.6])).toEqual([4]);
    expect(outliersOf([8, 9, 10, 11, 16])).toEqual([]);
    expect(outliersOf([1, 100])).toEqual([]);
  });
});

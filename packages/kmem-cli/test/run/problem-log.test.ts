import type { MemcheckReport, ProgramFrames } from "kmem/wasm";
import { describe, expect, it } from "vitest";
import { ProblemLog } from "../../src/run/problem-log.ts";
import { Suppressions } from "../../src/run/suppressions.ts";

const frames = { frameAt: (offset: number) => `at f${offset} (a.c:1:1)` } as ProgramFrames;

function readBy(functionNumber: number): MemcheckReport {
  const report: unknown = { kind: "invalid-read", stack: [functionNumber], text: () => `a read of f${functionNumber}` };
  return report as MemcheckReport;
}

describe("the log of problems", () => {
  it("counts accesses that are made again, but not those of a report that was suppressed", () => {
    const said: string[] = [];
    const log = new ProblemLog(frames, Suppressions.parse("invalid-read: f1"), (text) => said.push(text));
    for (const report of [readBy(1), readBy(2)]) log.access(report);
    log.countRepeats(() => 5);
    expect(said).toEqual(["a read of f2"]);
    expect(log.counts).toEqual({ problems: 6, repeated: 5, suppressed: 1 });
  });

  it("has no problem where all that was found is known", () => {
    const log = new ProblemLog(frames, Suppressions.parse("*: f1"), () => {});
    log.access(readBy(1));
    log.countRepeats(() => 3);
    expect(log.counts).toEqual({ problems: 0, repeated: 0, suppressed: 1 });
  });
});

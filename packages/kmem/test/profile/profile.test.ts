import { describe, expect, it } from "vitest";
import { KmemError } from "../../src/index.ts";
import {
  type AllocationProfile,
  collapsedText,
  heapProfileText,
  pprofBytes,
  speedscopeText,
} from "../../src/profile/index.ts";
import { MAIN, SMALL } from "./profiles.ts";

const WRITERS: readonly [string, (profile: AllocationProfile) => unknown][] = [
  ["pprof", pprofBytes],
  ["a heap profile", heapProfileText],
  ["collapsed stacks", collapsedText],
  [
    "speedscope",
    (profile) =>
      speedscopeText([
        { name: "all", profile: SMALL },
        { name: "this", profile },
      ]),
  ],
];

function withSample(change: object): AllocationProfile {
  return { ...SMALL, samples: [SMALL.samples[0], { ...SMALL.samples[1], ...change }] };
}

const IMPOSSIBLE: readonly [string, AllocationProfile, string][] = [
  ["a part of a block", withSample({ liveCount: 0.5 }), "samples[1].liveCount"],
  ["fewer bytes than none", withSample({ liveBytes: -1 }), "samples[1].liveBytes"],
  ["a count that is no number", withSample({ allocCount: Number.NaN }), "samples[1].allocCount"],
  ["more bytes than can be told apart", withSample({ allocBytes: 2 ** 53 }), "samples[1].allocBytes"],
  ["a sum that is beyond that", withSample({ allocBytes: Number.MAX_SAFE_INTEGER }), "the sum of allocBytes"],
  ["a line before the first", withSample({ stack: [{ ...MAIN, line: -1 }] }), "a line in samples[1].stack"],
  ["a column between two", withSample({ stack: [{ ...MAIN, column: 1.5 }] }), "a column in samples[1].stack"],
  ["no time at which it began", { ...SMALL, startedAtMs: Number.NaN }, "startedAtMs"],
  ["an end before its beginning", { ...SMALL, durationMs: -1 }, "durationMs"],
  ["a period that is no number of bytes", { ...SMALL, samplePeriodBytes: 0.5 }, "samplePeriodBytes"],
];

describe.each(WRITERS)("a profile written for %s", (_format, write) => {
  it.each(IMPOSSIBLE)("is refused with %s, and says where", (_what, profile, where) => {
    const refusal = expect.objectContaining({ code: "BAD_ARGUMENT", message: expect.stringContaining(where) });
    expect(() => write(profile)).toThrow(refusal);
    expect(() => write(profile)).toThrow(KmemError);
  });

  it("is left as it was", () => {
    const before = structuredClone(SMALL);
    write(SMALL);
    expect(SMALL).toEqual(before);
  });
});

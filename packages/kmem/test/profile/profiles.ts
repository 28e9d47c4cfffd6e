import fc from "fast-check";
import type { AllocationProfile, ProfileSample, StackFrame } from "../../src/profile/index.ts";

const APP = "file:///srv/app.js";

export const MAIN: StackFrame = { functionName: "main", url: APP, line: 3, column: 1 };
export const PARSE: StackFrame = { functionName: "parse", url: APP, line: 10, column: 5 };
export const NAMELESS: StackFrame = { functionName: "", url: APP, line: 20, column: 9 };
export const NATIVE: StackFrame = { functionName: "Array.map", url: "", line: 0, column: 0 };

/** A profile whose samples have all that a sample can have: a stack in common, none, labels, figures of 0. */
export const SMALL: AllocationProfile = {
  startedAtMs: 1_700_000_000_123.25,
  durationMs: 2500.5,
  samplePeriodBytes: 524_288,
  samples: [
    {
      stack: [PARSE, MAIN],
      labels: { cache: "kmalloc-64", slot: 0, blockBytes: 64 },
      ...{ liveCount: 2, liveBytes: 128, allocCount: 5, allocBytes: 320 },
    },
    { stack: [NAMELESS, NATIVE, PARSE, MAIN], liveCount: 1, liveBytes: 4096, allocCount: 1, allocBytes: 4096 },
    { stack: [PARSE, MAIN], labels: { cache: "inode" }, liveCount: 0, liveBytes: 0, allocCount: 7, allocBytes: 4200 },
    { stack: [], liveCount: 3, liveBytes: 48, allocCount: 3, allocBytes: 48 },
  ],
};

/** Names as programs should not have them: each is a trap of one of the formats. */
const trap = fc.constantFrom(
  ...["", " ", ";", "a;b", "x\ny", "\r\n", "f 12", "f 1.5", "12", '"', "\\", "\\n", "{}", "ünïcödé 😀", "\ud800"],
  ...["__proto__", "constructor", "#private", "a\u2028b", "\0", "(root)", "\u00a07"],
);
export const anyText: fc.Arbitrary<string> = fc.oneof(trap, fc.string({ unit: "binary" }), fc.string());

const whole = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 40), fc.nat());
const anyFrame: fc.Arbitrary<StackFrame> = fc.oneof(
  fc.record({ functionName: anyText, url: anyText, line: fc.nat(), column: fc.nat() }),
  fc.constantFrom(MAIN, PARSE, NAMELESS, NATIVE),
);
const anySample: fc.Arbitrary<ProfileSample> = fc.record(
  {
    stack: fc.array(anyFrame, { maxLength: 6 }),
    liveCount: whole,
    liveBytes: whole,
    allocCount: whole,
    allocBytes: whole,
    labels: fc.dictionary(anyText, fc.oneof(anyText, fc.integer(), fc.double()), { maxKeys: 3 }),
  },
  { requiredKeys: ["stack", "liveCount", "liveBytes", "allocCount", "allocBytes"] },
);

/** Profiles with odd names, odd labels, empty stacks, stacks in common and large figures. */
export const anyProfile: fc.Arbitrary<AllocationProfile> = fc.record(
  {
    samples: fc.array(anySample, { maxLength: 12 }),
    startedAtMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    samplePeriodBytes: fc.nat(),
  },
  { requiredKeys: ["samples", "startedAtMs", "durationMs"] },
);

/** What formats of text show of a frame's name where they have nothing to replace. */
export function shownName({ functionName, url, line }: StackFrame): string {
  if (functionName !== "") return functionName.toWellFormed();
  if (url === "") return "(anonymous)";
  const file = (url.split("/").at(-1) || url).toWellFormed();
  return line === 0 ? `(anonymous ${file})` : `(anonymous ${file}:${line})`;
}

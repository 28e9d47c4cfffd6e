import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROFILE_FIGURES, pprofBytes, totalOf } from "../../src/profile/index.ts";
import { readPprof } from "./pprof-definition.ts";
import { anyProfile, SMALL, shownName } from "./profiles.ts";

describe("a pprof profile, read by a protobuf library", () => {
  const { message, ...profile } = readPprof(pprofBytes(SMALL));

  it("has the sample types of a heap profile, and shows what is in use first", () => {
    expect(profile.sampleTypes).toEqual([
      "alloc_objects/count",
      "alloc_space/bytes",
      "inuse_objects/count",
      "inuse_space/bytes",
    ]);
    expect(profile.defaultSampleType).toBe("inuse_space");
  });

  it("says when it was taken, to the nanosecond, and what lies between samples", () => {
    expect(message.timeNanos).toBe("1700000000123250000");
    expect(message.durationNanos).toBe("2500500000");
    expect([profile.periodType, message.period]).toEqual(["space/bytes", "524288"]);
    const { samplePeriodBytes: _, ...everyBlock } = SMALL;
    expect(readPprof(pprofBytes(everyBlock)).message.period).toBe("1");
  });

  it("has every sample with its stack, figures and labels", () => {
    const app = "file:///srv/app.js";
    const stack = [`parse ${app}:10:5`, `main ${app}:3:1`];
    expect(profile.samples).toEqual([
      {
        stack,
        values: [5, 320, 2, 128],
        labels: { cache: "kmalloc-64", slot: "0 slot", blockBytes: "64 bytes" },
      },
      {
        stack: [`(anonymous app.js:20) ${app}:20:9`, "Array.map :0:0", ...stack],
        values: [1, 4096, 1, 4096],
        labels: {},
      },
      { stack, values: [7, 4200, 0, 0], labels: { cache: "inode" } },
      { stack: ["(unknown) :0:0"], values: [3, 48, 3, 48], labels: {} },
    ]);
  });

  it("has every string, function and place once, the empty string first", () => {
    expect(message.stringTable[0]).toBe("");
    expect(new Set(message.stringTable).size).toBe(message.stringTable.length);
    expect(message.function.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
    expect(message.location.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
    expect(message.function.every(({ name, systemName }) => name === systemName)).toBe(true);
  });

  it("keeps two places of one function apart, and has the function once", () => {
    const place = (line: number) => ({ functionName: "f", url: "a.js", line, column: 1 });
    const sample = { ...SMALL.samples[0], stack: [place(1), place(2)] };
    const twoPlaces = readPprof(pprofBytes({ ...SMALL, samples: [sample] }));
    expect(twoPlaces.samples[0].stack).toEqual(["f a.js:1:1", "f a.js:2:1"]);
    expect(twoPlaces.message.function).toHaveLength(1);
  });

  it("has no samples where there are none", () => {
    const { samples, message: empty } = readPprof(pprofBytes({ ...SMALL, samples: [] }));
    expect(samples).toEqual([]);
    expect(empty.sampleType).toHaveLength(PROFILE_FIGURES.length);
  });

  it("leaves out labels that are empty, and writes numbers that are not whole as text", () => {
    const labels = { "": "no name", nothing: "", share: 0.5, below: -3 };
    const sample = { ...SMALL.samples[0], labels };
    const [read] = readPprof(pprofBytes({ ...SMALL, samples: [sample] })).samples;
    expect(read.labels).toEqual({ share: "0.5", below: "-3 below" });
  });

  it("keeps all figures and names of any profile", () => {
    fc.assert(
      fc.property(anyProfile, (any) => {
        const read = readPprof(pprofBytes(any));
        expect(new Set(read.message.stringTable).size).toBe(read.message.stringTable.length);
        expect(read.samples.map(({ values }) => values)).toEqual(
          any.samples.map((sample) => PROFILE_FIGURES.map((figure) => sample[figure])),
        );
        for (const [index, figure] of PROFILE_FIGURES.entries()) {
          expect(read.samples.reduce((total, { values }) => total + values[index], 0)).toBe(totalOf(any, figure));
        }
        for (const [index, { stack }] of any.samples.entries()) {
          if (stack.length === 0) continue;
          expect(read.samples[index].stack).toEqual(
            stack.map((frame) => `${shownName(frame)} ${frame.url.toWellFormed()}:${frame.line}:${frame.column}`),
          );
        }
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});

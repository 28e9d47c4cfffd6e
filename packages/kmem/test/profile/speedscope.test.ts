import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NamedProfile, PROFILE_FIGURES, speedscopeText, totalOf } from "../../src/profile/index.ts";
import { anyProfile, anyText, SMALL, shownName } from "./profiles.ts";

const schemaFile = createRequire(import.meta.url).resolve("speedscope/dist/release/file-format-schema.json");
const validate = new Ajv({ allowUnionTypes: true }).compile(JSON.parse(readFileSync(schemaFile, "utf8")) as object);

interface SpeedscopeFile {
  readonly name: string;
  readonly shared: { readonly frames: readonly { name: string; file?: string; line?: number; col?: number }[] };
  readonly profiles: readonly {
    readonly name: string;
    readonly unit: string;
    readonly startValue: number;
    readonly endValue: number;
    readonly samples: readonly (readonly number[])[];
    readonly weights: readonly number[];
  }[];
}

/** Reads a file that is as speedscope's own schema asks, and where it asks nothing, as its importer does. */
function read(profiles: readonly NamedProfile[]): SpeedscopeFile {
  const file = JSON.parse(speedscopeText(profiles)) as SpeedscopeFile;
  expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
  for (const { samples, weights, startValue, endValue } of file.profiles) {
    expect(samples).toHaveLength(weights.length);
    expect(startValue + weights.reduce((sum, weight) => sum + weight, 0)).toBe(endValue);
    for (const index of samples.flat()) expect(file.shared.frames[index]).toBeDefined();
  }
  return file;
}

describe("a file for speedscope", () => {
  it("has four views of a profile, live bytes first", () => {
    const { name, profiles } = read([{ name: "start", profile: SMALL }]);
    expect(name).toBe("start");
    expect(profiles.map((view) => [view.name, view.unit, view.endValue])).toEqual([
      ["start: live bytes", "bytes", 4272],
      ["start: live blocks", "none", 6],
      ["start: allocated bytes", "bytes", 8664],
      ["start: allocated blocks", "none", 16],
    ]);
  });

  it("has stacks from the outermost frame in, and leaves out what is 0", () => {
    const { shared, profiles } = read([{ name: "start", profile: SMALL }]);
    const names = profiles[0].samples.map((stack) => stack.map((index) => shared.frames[index].name));
    expect(names).toEqual([["main", "parse"], ["main", "parse", "Array.map", "(anonymous app.js:20)"], ["(unknown)"]]);
    expect(profiles[0].weights).toEqual([128, 4096, 48]);
    expect(shared.frames[0]).toEqual({ name: "parse", file: "file:///srv/app.js", line: 10, col: 5 });
    expect(shared.frames).toContainEqual({ name: "Array.map" });
  });

  it("holds several profiles over one table of frames", () => {
    const once = read([{ name: "before", profile: SMALL }]);
    const twice = read([
      { name: "before", profile: SMALL },
      { name: "after", profile: SMALL },
    ]);
    expect(twice.shared).toEqual(once.shared);
    expect(twice.profiles.map(({ name }) => name).filter((name) => name.startsWith("after"))).toHaveLength(4);
  });

  it("is refused where there is nothing to show", () => {
    expect(() => speedscopeText([])).toThrow(expect.objectContaining({ name: "KmemError", code: "BAD_ARGUMENT" }));
    expect(read([{ name: "none", profile: { ...SMALL, samples: [] } }]).shared.frames).toEqual([]);
  });

  it("keeps the totals and the names of any profiles", () => {
    const figures = ["liveBytes", "liveCount", "allocBytes", "allocCount"] as const;
    expect(figures.toSorted()).toEqual(PROFILE_FIGURES.toSorted());
    const named = fc.record({ name: anyText, profile: anyProfile });
    fc.assert(
      fc.property(fc.array(named, { minLength: 1, maxLength: 3 }), (several) => {
        const { shared, profiles } = read(several);
        for (const [index, { profile }] of several.entries()) {
          const views = profiles.slice(index * figures.length, (index + 1) * figures.length);
          expect(views.map(({ endValue }) => endValue)).toEqual(figures.map((figure) => totalOf(profile, figure)));
          const shown = profile.samples.filter(({ stack, liveBytes }) => stack.length > 0 && liveBytes > 0);
          const read = views[0].samples.map((stack) => stack.map((frame) => shared.frames[frame].name).reverse());
          expect(read).toEqual(expect.arrayContaining(shown.map(({ stack }) => stack.map(shownName))));
        }
      }),
      { numRuns: 100, seed: 6 },
    );
  });
});

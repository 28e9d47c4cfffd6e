import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type BundleSize, bundleSizes, EVERYTHING, minifiedBytesBothWays, PROGRAMS } from "../../src/bundle/sizes.ts";
import { subPaths } from "../../src/bundle/sub-paths.ts";

const FIGURES = new URL("../../../../docs/figures/bundle-size.csv", import.meta.url);
/** A bundle may become so much larger or smaller before the figures have to be written again. */
const TOLERANCE = 0.03;

/** Brotli at its best takes seconds for all of them, and more where other tests run meanwhile. */
const BUNDLING_MS = 120_000;

/** Folders of the sources that a program which allocates and frees gets something of. */
const PROGRAM_FOLDERS = ["heap", "kmalloc", "memory", "pages", "slab", "sync"];
/** What such a program does not call: checks, repairs, recovery beyond that of locks, statistics. */
const NOT_CALLED = ["kmalloc/check.ts", "kmalloc/reap.ts", "kmalloc/slot-stats.ts", "slab/check.ts", "pages/check.ts"];
/** What one thread alone does without. */
const OF_THREADS = [
  "kmalloc/attach.ts",
  "kmalloc/lock-takeover.ts",
  "slab/barn.ts",
  "slab/remote-sheaf.ts",
  "sync/wait.ts",
];

/** Budgets, bytes after brotli: what each weighs, rounded up. The goals of the programs are lower. */
const BUDGETS: Readonly<Record<string, number>> = {
  "one thread": 29_700,
  threads: 38_300,
  kmem: 59_700,
  "kmem/atomik": 32_800,
  "kmem/layout": 5_800,
  "kmem/debug": 74_300,
  "kmem/giet": 7_500,
  "kmem/linux": 60_000,
  "kmem/mykernel": 47_800,
  "kmem/nodes": 53_200,
  "kmem/proc": 34_300,
  "kmem/profile": 6_500,
  "kmem/trace": 8_700,
  "kmem/wasm": 83_500,
  everything: 163_200,
};

/** A program over the published modules, which are bundles, may be so much larger than one over their sources. */
const BUNDLED_TWICE = 1.01;

const subPathNames: readonly string[] = subPaths().map(({ name }) => name);

let sizes: readonly BundleSize[];

function sizeOf(name: string): BundleSize {
  return sizes.find((size) => size.name === name) as BundleSize;
}

beforeAll(async () => {
  sizes = await bundleSizes();
}, BUNDLING_MS);

describe("what the library weighs", () => {
  it("is known of every sub-path", () => {
    expect(sizes.map(({ name }) => name)).toEqual([...PROGRAMS.keys(), ...subPathNames, EVERYTHING]);
  });

  it("is what the figures say; `npx kmem-lab sizes` writes them again", () => {
    const [, ...lines] = readFileSync(FIGURES, "utf8").trim().split("\n");
    const written = new Map(lines.map((line) => line.split(",")).map(([name, , bytes]) => [name, Number(bytes)]));
    const changed = sizes.filter(({ name, brotliBytes }) => {
      const before = written.get(name) ?? 0;
      return Math.abs(brotliBytes - before) > before * TOLERANCE;
    });
    expect(changed.map(({ name, brotliBytes }) => ({ name, brotliBytes, before: written.get(name) }))).toEqual([]);
    expect(written.size).toBe(sizes.length);
  });

  it.each(Object.keys(BUDGETS))("keeps to its budget: %s", (name) => {
    expect(sizeOf(name).brotliBytes).toBeLessThanOrEqual(BUDGETS[name] ?? 0);
  });

  it("has a budget for everything", () => {
    expect(Object.keys(BUDGETS)).toEqual(sizes.map(({ name }) => name));
  });

  it.each([...PROGRAMS])("is no more for being published as bundles: %s", async (_name, program) => {
    const [published, sources] = await minifiedBytesBothWays(program);
    expect(published).toBeLessThanOrEqual(sources * BUNDLED_TWICE);
  });

  it.each([...PROGRAMS.keys()])("has nothing that the program does not call: %s", (name) => {
    const { modules } = sizeOf(name);
    const paths = modules.map(([path]) => path);
    const folders = paths.flatMap((path) => (path.includes("/") ? [path.split("/")[0]] : []));
    expect([...new Set(folders)].sort()).toEqual(PROGRAM_FOLDERS);
    expect(paths.filter((path) => NOT_CALLED.includes(path))).toEqual([]);
    if (name === "one thread") expect(paths.filter((path) => OF_THREADS.includes(path))).toEqual([]);
  });
});

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type BundleSize, bundleSizes, CORE, EVERYTHING, subPaths } from "../../src/bundle/sizes.ts";

const FIGURES = new URL("../../../../docs/figures/bundle-size.csv", import.meta.url);
/** A bundle may become so much larger or smaller before the figures have to be written again. */
const TOLERANCE = 0.03;

/** Brotli at its best takes seconds for all of them, and more where other tests run meanwhile. */
const BUNDLING_MS = 120_000;

/** Folders of the sources of which a program that imports `kmem` alone gets something. */
const CORE_FOLDERS = ["bucket", "heap", "kmalloc", "memory", "pages", "repair", "slab", "sync", "vmalloc", "vmem"];

let sizes: readonly BundleSize[];

function sizeOf(name: string): BundleSize {
  return sizes.find((size) => size.name === name) as BundleSize;
}

beforeAll(async () => {
  sizes = await bundleSizes();
}, BUNDLING_MS);

describe("what the library weighs", () => {
  it("is known of every sub-path", () => {
    expect(sizes.map(({ name }) => name)).toEqual([...subPaths().keys(), EVERYTHING]);
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

  it("has nothing in the core but what the core needs", () => {
    const folders = sizeOf(CORE).modules.flatMap(([path]) => (path.includes("/") ? [path.split("/")[0]] : []));
    expect([...new Set(folders)].sort()).toEqual(CORE_FOLDERS);
    // Recovery looks at arenas; only a program that makes one needs the rest.
    expect(sizeOf(CORE).modules.map(([path]) => path)).not.toContain("vmem/vmem.ts");
  });
});

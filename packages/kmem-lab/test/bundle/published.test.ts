// The modules in packages/kmem/lib (`npm run build` first).
import { readdirSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { LIBRARY, subPaths } from "../../src/bundle/sub-paths.ts";
import { publishedDeclarations } from "../../src/bundle/write-bundle.ts";

const FOLDER = join(LIBRARY, "lib");

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join(folder, path));
}

const modules = filesIn(FOLDER).filter((path) => path.endsWith(".js"));

it("have no assertions in them, nor what they say", () => {
  expect(modules.length).toBeGreaterThan(subPaths().length);
  for (const path of modules) {
    const text = readFileSync(path, "utf8");
    expect(text).not.toMatch(/KMEM_ASSERTIONS|KmemAssertionError|broken invariant|expected that/);
    expect(text).not.toMatch(/lock at word|#?assert[A-Z]/);
  }
});

it("are one library: what a source declares stands in one of them alone", () => {
  const sources = modules.flatMap((path) => {
    const map = JSON.parse(readFileSync(`${path}.map`, "utf8")) as { readonly sources: readonly string[] };
    return map.sources.map((source) => relative(LIBRARY, join(dirname(path), source)));
  });
  expect(sources).toContain("src/memory/errors.ts");
  expect(sources.filter((source, index) => sources.indexOf(source) !== index)).toEqual([]);
});

it("have the same errors in every sub-path", async () => {
  const load = (name: string): Promise<Record<string, never>> => import(pathToFileURL(join(FOLDER, name)).href);
  const [{ KmemError }, { openHeap }] = await Promise.all([load("index.js"), load("debug.js")]);
  expect(() => (openHeap as unknown as (source: unknown) => unknown)("no memory")).toThrow(KmemError);
});

it("lead by their source maps to the sources that are published beside them", () => {
  for (const path of modules) {
    const text = readFileSync(path, "utf8");
    expect(text, path).toMatch(/\n\/\/# sourceMappingURL=\w+\.js\.map\n$/);
    const { sources, ...rest } = JSON.parse(readFileSync(`${path}.map`, "utf8")) as ConstructorParameters<
      typeof SourceMap
    >[0];
    const originals = sources.map((source) => readFileSync(join(dirname(path), source), "utf8").split("\n"));
    const map = new SourceMap({ ...rest, sources });
    // Each class is looked up: the line that the map gives has its name.
    for (const [index, line] of text.split("\n").entries()) {
      const [, name] = /^ *(?:var )?(\w+) = class\b/.exec(line) ?? [];
      if (name === undefined) continue;
      const entry = map.findEntry(index, line.length - 1);
      const original = "originalLine" in entry ? originals[sources.indexOf(entry.originalSource)] : undefined;
      const declaration = original?.[("originalLine" in entry && entry.originalLine) || 0];
      expect(declaration, `${name} in ${path}`).toContain(`class ${name.replace(/\d+$/, "")}`);
    }
  }
});

it("have declarations that name no file that is left out of the tarball", () => {
  const ignored = new Set(readFileSync(join(LIBRARY, "dist", ".npmignore"), "utf8").split("\n"));
  const published = [...publishedDeclarations()];
  expect(published.length).toBeGreaterThan(subPaths().length);
  expect(published.filter((path) => ignored.has(path.replace(/^dist/, "")))).toEqual([]);
});

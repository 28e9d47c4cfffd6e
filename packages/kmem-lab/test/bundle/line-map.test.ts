import { SourceMap } from "node:module";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { lineMap } from "../../src/bundle/line-map.ts";

const SOURCE = `export function far(first, second) {
  const sum = first + second;


  if (sum > 300_000) throw new Error("far " + sum + " is too far to be reached in one step by anybody");
  return () => sum * first;
}
`;

/** The lines of the source, from 0, that a map has for each place in the module where one of the words stands. */
function linesOf(map: string, code: string, words: readonly string[]): (number | undefined)[] {
  const sourceMap = new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0]);
  return words.map((word) => {
    const lines = code.slice(0, code.indexOf(word)).split("\n");
    const entry = sourceMap.findEntry(lines.length - 1, lines.at(-1)?.length ?? 0);
    return "originalLine" in entry ? entry.originalLine : undefined;
  });
}

it("leads to the same lines as the map that it was made of, in less space", async () => {
  const { outputFiles } = await build({
    stdin: { contents: SOURCE, sourcefile: "far.js" },
    outdir: "out",
    sourcemap: "external",
    minifyWhitespace: true,
    write: false,
  });
  const [map = "", code = ""] = outputFiles
    .toSorted((one) => (one.path.endsWith(".map") ? -1 : 1))
    .map((file) => file.text);
  const words = ["function far", "const", "throw", "Error", "=>"];
  const lines = linesOf(map, code, words);
  expect(lines).toEqual([0, 1, 4, 4, 5]);
  expect(linesOf(lineMap(map), code, words)).toEqual(lines);
  expect(lineMap(map).length).toBeLessThan(map.length / 2);
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { sourceMapFrames } from "../../src/system/source-maps.ts";
import { withTempDir } from "../trace/support.ts";

/** Line 1, column 1 of the output is line 3, column 5 of the source: one segment, in base 64 digits of 5 bits. */
const MAP = { version: 3, sources: ["original.ts"], names: [], mappings: "AAEI" };

it("says where a frame is in the sources, by a map beside the file or in it", async () => {
  await withTempDir(async (directory) => {
    const file = join(directory, "out.js");
    const url = pathToFileURL(file).href;
    const source = pathToFileURL(join(directory, "original.ts")).href;
    writeFileSync(join(directory, "out.js.map"), JSON.stringify(MAP));
    const inline = `data:application/json;base64,${Buffer.from(JSON.stringify(MAP)).toString("base64")}`;
    for (const comment of ["out.js.map", inline]) {
      writeFileSync(file, `work();\n//# sourceMappingURL=${comment}\n`);
      const map = sourceMapFrames(directory);
      expect(map(`at work (${url}:1:1)`)).toBe(`at work (${source}:3:5)`);
      expect(map(`at ${url}:1:4`)).toBe(`at ${source}:3:5`);
      expect(map(`at work (${file}:1:1)`)).toBe(`at work (${source}:3:5)`);
    }
  });
});

it("leaves frames alone that it knows nothing of", async () => {
  await withTempDir(async (directory) => {
    const file = join(directory, "out.js");
    writeFileSync(file, "work();\n//# sourceMappingURL=missing.map\n");
    const map = sourceMapFrames(directory);
    const frames = [
      "at work (node:internal/main:1:2)",
      "at new Promise (<anonymous>)",
      `at work (${file}:1:1)`,
      `at work (${join(directory, "gone.js")}:1:1)`,
      "",
    ];
    expect(frames.map(map)).toEqual(frames);
  });
});

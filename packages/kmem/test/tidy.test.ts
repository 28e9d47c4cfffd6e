import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packagesRoot, readSourceFiles, type SourceFile } from "./source-files.ts";

// The habit is 400 lines; the test leaves a little room, so that nobody deletes a comment to please it. The length of
// functions is the linter's to watch.
const maxFileLines = 420;
const maxLineChars = 120;

// A line that is one string literal may be longer: verbatim lines of traces and reports cannot be broken.
const oneLiteral = /^\s*("[^"]*": )?(["'`]).*\2[,;]?$/;

function tidyFaults({ path, text }: SourceFile): string[] {
  const lines = text.trimEnd().split(/\r?\n/);
  const longLines = lines.flatMap((line, index) =>
    line.length > maxLineChars && !oneLiteral.test(line) ? [`${path}:${index + 1} has ${line.length} characters`] : [],
  );
  return lines.length > maxFileLines ? [`${path} has ${lines.length} lines`, ...longLines] : longLines;
}

const files = readdirSync(packagesRoot)
  .flatMap((name) => [`${name}/src`, `${name}/test`])
  .filter((folder) => existsSync(join(packagesRoot, folder)))
  .flatMap((folder) =>
    readSourceFiles(join(packagesRoot, folder)).map(({ path, text }) => ({ path: `${folder}/${path}`, text })),
  );

describe("the sources of every package", () => {
  it("are seen", () => {
    const paths = files.map((file) => file.path);
    expect(paths).toEqual(expect.arrayContaining(["kmem/src/index.ts", "kmem/test/tidy.test.ts"]));
    expect(paths).toContain("kmem-cli/src/cli.ts");
  });

  it(`have at most ${maxFileLines} lines a file and ${maxLineChars} characters a line`, () => {
    expect(files.flatMap(tidyFaults)).toEqual([]);
  });
});

describe("the checker of tidiness", () => {
  it("counts lines and characters", () => {
    expect(tidyFaults({ path: "a.ts", text: "x\n".repeat(maxFileLines) })).toEqual([]);
    expect(tidyFaults({ path: "a.ts", text: "x\n".repeat(maxFileLines + 1) })).toEqual([
      `a.ts has ${maxFileLines + 1} lines`,
    ]);
    expect(tidyFaults({ path: "a.ts", text: `ok\n${"x".repeat(maxLineChars + 1)}\n` })).toEqual([
      `a.ts:2 has ${maxLineChars + 1} characters`,
    ]);
    expect(tidyFaults({ path: "a.ts", text: `  "${"x".repeat(maxLineChars)}",\n` })).toEqual([]);
  });
});

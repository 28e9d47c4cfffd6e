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

/** What makes a verdict depend on speed: a limit of its own, a wait for a fixed time, a time that is expected. */
const clockHabits: readonly RegExp[] = [
  /\btimeout: [\d_]/,
  /^(?!.*\bwhile \().*\b(?:setTimeout|delay)\(/,
  /\bexpect\(.*\b(?:performance|Date)\.now\(/,
];

/** Tests that may, and why: none of them passes or fails by it. */
const clockReasons: Readonly<Record<string, string>> = {
  "kmem-cli/test/trace/decompress.test.ts": "a reader that is slow on purpose",
  "kmem/test/kernels/atomik/threads.test.ts": "time for what must not happen",
  "kmem/test/cluster/threads.test.ts": "time to fall asleep, before an order that holds with it or without",
  "kmem/test/debug/death.test.ts": "a death at some instant, whichever",
  "kmem/test/debug/leaks.test.ts": "the past is not later than the present",
  "kmem/test/kmalloc/memory-wait.test.ts": "time to fall asleep; a timeout that does not come early",
  "kmem/test/profile/parse-stack.test.ts": "text of a stack",
  "kmem/test/stress/exchange.test.ts": "a turn in a loop that ends by an event",
};

function clockFaults({ path, text }: SourceFile): string[] {
  if (!path.endsWith(".test.ts") || clockReasons[path] !== undefined) return [];
  const isHabit = (line: string): boolean => clockHabits.some((habit) => habit.test(line));
  return text
    .split("\n")
    .flatMap((line, index) => (isHabit(line) ? [`${path}:${index + 1} is a matter of speed`] : []));
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

describe("the tests of every package", () => {
  it("leave nothing to the clock, but where there is a reason", () => {
    expect(files.filter(({ path }) => path !== "kmem/test/tidy.test.ts").flatMap(clockFaults)).toEqual([]);
    const paths = new Set(files.map(({ path }) => path));
    expect(Object.keys(clockReasons).filter((path) => !paths.has(path))).toEqual([]);
  });
});

describe("the checker of tidiness", () => {
  it("finds limits, waits for a fixed time and expected times, and lets loops wait", () => {
    const faults = (text: string): number => clockFaults({ path: "a.test.ts", text }).length;
    expect(faults('it("ends", { timeout: 60_000 }, () => {});')).toBe(1);
    expect(faults("await new Promise((resolve) => setTimeout(resolve, 30));\nawait delay(20);")).toBe(2);
    expect(faults("expect(performance.now() - startMs).toBeLessThan(1000);")).toBe(1);
    expect(faults("while (!isDone()) await delay(1);")).toBe(0);
  });

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

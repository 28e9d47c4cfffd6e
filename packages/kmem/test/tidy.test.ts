import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { wordFaults } from "./banned-words.ts";
import { UseOfCode } from "./dead-code.ts";
import { packagesRoot, readSourceFiles, type SourceFile } from "./source-files.ts";

// The habit is 400 lines; the test leaves a little room, so that nobody deletes a comment to please it. The length of
// functions is the linter's to watch.
const maxFileLines = 420;
const maxLineChars = 120;

// A line that is one string or one regular expression may be longer: neither can be broken.
const oneLiteral = /^\s*(?:(?:"[^"]*"|\w+): )?(?:(["'`]).*\1|\/.*\/[a-z]*)[,;]?$/;

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
    expect(paths).toContain("kmem-cli/src/commands/cli.ts");
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

const repositoryRoot = join(packagesRoot, "..");
const textOf = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");

/** What a package name stands for in an import, as the runner's configuration has it. */
function importAliases(): [RegExp, string][] {
  const { exports } = JSON.parse(textOf("packages/kmem/package.json")) as {
    exports: Record<string, string | { types: string }>;
  };
  const subPaths = Object.entries(exports).flatMap(([subPath, target]): [RegExp, string][] => {
    if (typeof target === "string") return [];
    const source = target.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts");
    return [[new RegExp(`^kmem${subPath.slice(1)}$`), `kmem/${source}`]];
  });
  return [
    [/^kmem-cli\/internal\/(.*)$/, "kmem-cli/src/$1.ts"],
    [/^kmem-inspector\/serve$/, "kmem-inspector/src/serve/index.ts"],
    ...subPaths,
  ];
}

const documents = globSync(["*.md", "docs/**/*.md", "packages/*/*.md"], { cwd: repositoryRoot });
const aliases = importAliases();
const publicFiles = new Set(aliases.map(([, path]) => path));
const isEntry = (path: string): boolean => publicFiles.has(path) || /\.test\.ts$|\/src\/cli\.ts$/.test(path);

/** Exports that are looked up in modules that are loaded by their name, or that scripts import. */
const LOOKED_UP =
  /: (?:writeBundle|inPage|inWorker|inWorklet|createHeap|attachHeap|runsConstructors|memoryGrainBytes|default)$/;

describe("the code of every package", () => {
  const scripts = globSync(
    ["scripts/*.mjs", "package.json", "packages/*/package.json", "packages/*/vite.config.ts", "vitest.config.ts"],
    {
      cwd: repositoryRoot,
    },
  );
  const use = new UseOfCode(files, aliases, [...scripts, ...documents].map(textOf));

  it("has no file that nobody imports, names or runs", () => {
    expect(use.deadFiles(isEntry)).toEqual([]);
  });

  it("exports nothing that nobody imports, but for types of signatures", () => {
    expect(use.deadExports(isEntry).filter((one) => !LOOKED_UP.test(one))).toEqual([]);
  });
});

describe("the words of sources, tests and documents", () => {
  it("are the field's own", () => {
    const readable = files.filter(({ path }) => !/\/(?:banned-words|tidy\.test)\.ts$/.test(path));
    const written = documents.map((path) => ({ path, text: textOf(path) }));
    expect([...readable, ...written].flatMap(({ path, text }) => wordFaults(path, text))).toEqual([]);
  });
});

/** Folders at the start of the lines of a drawing in architecture.md, by its heading and their package's sources. */
const DRAWINGS: readonly (readonly [heading: string, sources: string])[] = [
  ["## The layers", "packages/kmem/src"],
  ["`packages/kmem/src/wasm` is", "packages/kmem/src/wasm"],
  ["`packages/kmem-cli` is", "packages/kmem-cli/src"],
  ["`packages/kmem-lab` is", "packages/kmem-lab/src"],
  ["`packages/kmem-inspector` is", "packages/kmem-inspector/src"],
];

/** The folders that a drawing behind a heading names: words with a slash, one or more in a line. */
function foldersDrawn(document: string, heading: string): string[] {
  const [, drawing = ""] = /```\n([\s\S]*?)```/.exec(document.slice(document.indexOf(heading))) ?? [];
  return [...drawing.matchAll(/(?<![\w/.-])([a-z]+(?:-[a-z]+)*)\/(?=\s|$)/gm)]
    .map(([, folder = ""]) => folder)
    .toSorted();
}

describe("the documents", () => {
  it.each(DRAWINGS)("draw under %j the folders of %s, each once", (heading, sources) => {
    const folders = readdirSync(join(repositoryRoot, sources), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(foldersDrawn(textOf("docs/architecture.md"), heading)).toEqual(folders.toSorted());
  });

  it("name no folder or file of the repository that is not there", () => {
    const pathsOf = (text: string): string[] =>
      [...text.matchAll(/`((?:packages|docs|scripts|\.ci)\/[\w./-]+)`/g)].map(([, path = ""]) => path);
    const missing = documents.flatMap((document) =>
      pathsOf(textOf(document))
        .filter((path) => !path.includes("/dist") && !existsSync(join(repositoryRoot, path)))
        .map((path) => `${document} names ${path}`),
    );
    expect(missing).toEqual([]);
  });
});

describe("the checker of tidiness", () => {
  it("finds dead files and exports, and files that are named as text", () => {
    const source = (path: string, text: string): SourceFile => ({ path, text });
    const use = new UseOfCode(
      [
        source("a/used.ts", "export const one = 1;\nexport function two(): void {}\nexport interface Three {}\n"),
        source("a/user.ts", 'import { one } from "./used.ts";\nnew Worker("./worker.ts");\nvoid one;'),
        source("a/worker.ts", ""),
        source("a/dead.ts", 'import type * as all from "./whole.ts";'),
        source("a/whole.ts", "export const four = 4;"),
      ],
      [],
    );
    const isUser = (path: string): boolean => path === "a/user.ts";
    expect(use.deadFiles(isUser)).toEqual(["a/dead.ts"]);
    expect(use.deadExports(isUser)).toEqual(["a/used.ts: two", "a/used.ts: Three"]);
  });

  it("finds banned words, and says what to say", () => {
    expect(wordFaults("a.md", "fine\nThe heir mends it.")).toEqual([
      'a.md:2 has "heir"; say lock takeover, lock recovery',
      'a.md:2 has "mends"; say repair',
    ]);
    expect(wordFaults("a.md", "their piece is settled")).toEqual([]);
  });

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
    expect(tidyFaults({ path: "a.ts", text: `  line: /${"x".repeat(maxLineChars)}/u,\n` })).toEqual([]);
    expect(tidyFaults({ path: "a.ts", text: `// ${"x".repeat(maxLineChars)}\n` })).toHaveLength(1);
  });
});

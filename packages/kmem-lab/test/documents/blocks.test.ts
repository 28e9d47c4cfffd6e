// Every code block of the documents and docstrings, type-checked and run from the packed tarballs. The rules stand in
// code-blocks.ts.
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { zstdCompressSync } from "node:zlib";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installedFolder, linkInstalled } from "../../../kmem-cli/test/installation.ts";
import { mallocEvent, mallocTrace } from "../../../kmem-cli/test/trace/malloc-trace-bytes.ts";
import { ROOT } from "../../src/figures/repository.ts";
import { allBlocks, blocksOf, type CodeBlock, docstringsOf, REASONS } from "./code-blocks.ts";

const blocks = allBlocks();
const runnable = blocks.filter(({ notRun }) => notRun === undefined);
const modules = runnable.filter(({ language }) => language === "js" || language === "ts");
const shells = runnable.filter(({ language }) => language === "sh");
const RUNNER = fileURLToPath(new URL("./run-modules.ts", import.meta.url));
const TYPESCRIPT = fileURLToPath(new URL("../../../../node_modules/typescript/bin/tsc", import.meta.url));

let folder: string;

function pageFolder({ document }: CodeBlock): string {
  return join(folder, "pages", document.replaceAll(/[^\w]+/g, "-"));
}

/** Where a block is put: the file that it names, or one named after its line. */
function pathOf(block: CodeBlock): string {
  return join(pageFolder(block), block.fileName ?? `line-${block.line}.m${block.language}`);
}

const logPath = (): string => join(folder, "begun.log");

/** Writes a block so that it notes that it has begun, on its first line: all lines stay where they were. */
function place(block: CodeBlock): void {
  const path = pathOf(block);
  const [log, line] = [logPath(), `${path}\n`].map((text) => JSON.stringify(text));
  const note = `process.getBuiltinModule("node:fs").appendFileSync(${log}, ${line});`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${note} ${block.code}`);
}

/** Whether another block of the page names the file of a block, and so runs it. */
function isRunByAnother(block: CodeBlock): boolean {
  const others = modules.filter((one) => one !== block && one.document === block.document);
  return block.fileName !== undefined && others.some(({ code }) => code.includes(`./${block.fileName}"`));
}

function typeCheck(language: "js" | "ts"): void {
  const files = modules.filter((block) => block.language === language).map(pathOf);
  const isTyped = language === "ts";
  const compilerOptions = {
    ...{ target: "ES2023", module: "NodeNext", lib: ["ES2024", "DOM", "ESNext.Disposable"], types: ["node"] },
    ...{ noEmit: true, skipLibCheck: true, moduleDetection: "force", allowImportingTsExtensions: true },
    ...(isTyped
      ? { strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }
      : { strict: false, allowJs: true, checkJs: true }),
  };
  const config = join(folder, `tsconfig.${language}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const { status, stdout } = spawnSync(execPath, [TYPESCRIPT, "-p", config], { cwd: folder, encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
}

/** Lists of files, of about the same length, as many as there are processors. */
function shares(paths: readonly string[]): string[][] {
  const count = availableParallelism();
  return Array.from({ length: count }, (_, share) => paths.filter((_path, index) => index % count === share));
}

beforeAll(async () => {
  folder = await installedFolder("kmem-blocks-");
  for (const name of ["@types/node", "@sqlite.org/sqlite-wasm", "wasmoon"]) linkInstalled(folder, name);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  appendFileSync(logPath(), "");
  for (const block of modules) place(block);
  for (const block of shells) mkdirSync(pageFolder(block), { recursive: true });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the rules", () => {
  it("find blocks, their files and lines, what they continue and why they are not run", () => {
    const fence = "```";
    const text = [
      "text",
      `${fence}js`,
      "// a.mjs",
      "1;",
      fence,
      fence,
      "output",
      fence,
      "<!-- continues -->",
      `${fence}js`,
      "2;",
      fence,
      "<!-- not run: why -->",
      `${fence}sh`,
      "npm i",
      fence,
    ];
    expect(blocksOf("a.md", text.join("\n"))).toEqual([
      { document: "a.md", line: 3, language: "js", code: `// a.mjs\n1;\n${"\n".repeat(6)}2;\n`, fileName: "a.mjs" },
      { document: "a.md", line: 15, language: "sh", code: "npm i\n", notRun: "why" },
    ]);
    expect(docstringsOf("x;\n/**\n * One.\n *\n * two\n */\nfunction y() {}")).toBe("\n\nOne.\n\ntwo\n\n");
  });

  it("are kept by all blocks: a language that is run, or one of few reasons why not", () => {
    const others = blocks.filter(({ language }) => !["js", "ts", "sh"].includes(language));
    expect(others.map(({ document, line, language }) => `${document}:${line} ${language}`)).toEqual([]);
    const reasons = blocks.flatMap(({ notRun }) => notRun ?? []);
    expect(reasons.filter((reason) => !REASONS.includes(reason))).toEqual([]);
    expect(REASONS.filter((reason) => !reasons.includes(reason))).toEqual([]);
  });
});

describe("the blocks of code", () => {
  it("have the right types in TypeScript", () => typeCheck("ts"));
  it("have the right types in JavaScript", () => typeCheck("js"));

  it("run, each of them", async () => {
    const own = modules.filter((block) => !isRunByAnother(block)).map(pathOf);
    const runs = shares(own).map((paths) => runProcess({ file: execPath, args: [RUNNER, ...paths] }));
    await Promise.all(runs);
    const begun = new Set(readFileSync(logPath(), "utf8").split("\n"));
    expect(modules.map(pathOf).filter((path) => !begun.has(path))).toEqual([]);
  });
});

/** Makes a heap with a leak and a trace, by the installed library, and dumps it. */
const DUMP_SCRIPT = `
import { writeFileSync } from "node:fs";
import { dumpHeap } from "kmem";
import { DebugHeap } from "kmem/debug";
const heap = DebugHeap.create({ sizeBytes: 2 ** 22, debug: "FZPU", traceEvents: 64 });
heap.free(heap.alloc(100));
heap.alloc(1000);
for (const file of process.argv.slice(2)) writeFileSync(file, dumpHeap(heap));
`;

describe("the blocks of commands", () => {
  const pages = [...new Set(shells.map(({ document }) => document))];

  beforeAll(async () => {
    const folders = shells.map(pageFolder);
    const script = join(folder, "dump.mjs");
    writeFileSync(script, DUMP_SCRIPT);
    await runProcess({ file: execPath, args: [script, ...folders.map((one) => join(one, "heap.dump"))] });
    const trace = zstdCompressSync(mallocTrace([mallocEvent(0, 1, 100), mallocEvent(1, 1, 0)]));
    for (const one of folders) writeFileSync(join(one, "app.trace.zst"), trace);
  });

  it.each(pages)("run: %s", async (document) => {
    for (const block of shells.filter((one) => one.document === document)) {
      const bin = join(folder, "node_modules", ".bin");
      const code = `cd ${pageFolder(block)}\nnpx() { "$@"; }\n${block.code}`;
      const env = { PATH: [bin, dirname(execPath), process.env["PATH"]].join(delimiter) };
      await runProcess({ file: "bash", args: ["-euo", "pipefail", "-c", code], env });
    }
  });
});

it("nothing of it depends on the repository's folder", () => {
  expect(folder.startsWith(ROOT)).toBe(false);
});

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/figures/repository.ts";

/**
 * The code blocks of the documents and docstrings, by these rules:
 *
 * - A block of `js` or `ts` is a module. Its first line may name its file: `// worker.mjs`. A file that another block
 *   of the page names is run by that block; all others are run by themselves.
 * - After `<!-- continues -->` a block goes on where the block before it ended.
 * - A block of `sh` is run by bash, beside `heap.dump` and `app.trace.zst` and the files that the page's blocks name.
 * - `<!-- not run: reason -->` before a block says why it is not run; {@link REASONS} has all reasons that there are.
 * - Blocks without a language are output, drawings and formats: no code.
 */
export interface CodeBlock {
  /** Seen from the root of the repository. */
  readonly document: string;
  /** Of the first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** The file that its first line names. */
  readonly fileName?: string;
  readonly notRun?: string;
}

/** Why a block may not be run. */
export const REASONS: readonly string[] = [
  "it asks the registry",
  "it sets up the whole repository",
  "it needs a clone of the repository",
  "it needs a browser",
];

/** Declarations that a test makes of the build: nothing to run. */
const DECLARATIONS = "docs/api/";

/** What stands before a block, the fence, and what is in it. */
const FENCE = /(?:<!-- (continues|not run: [^\n]*?) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm;
const FILE_NAME = /^\/\/ ([\w-]+\.(?:mjs|js|ts|mts))\n/;
const DOCSTRING = /\/\*\*[\s\S]*?\*\//g;

/** The blocks of a text of Markdown. Throws where a block continues none. */
export function blocksOf(document: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  for (const match of text.matchAll(FENCE)) {
    const [whole, mark, language = "", code = ""] = match;
    if (language === "") continue;
    const line = text.slice(0, match.index + whole.indexOf("```") + 1).split("\n").length + 1;
    if (mark === "continues") {
      const before = blocks.pop();
      if (before?.language !== language) throw new Error(`${document}:${line} continues no block`);
      const between = "\n".repeat(line - before.line - before.code.split("\n").length + 1);
      blocks.push({ ...before, code: `${before.code}${between}${code}` });
      continue;
    }
    const [, fileName] = FILE_NAME.exec(code) ?? [];
    blocks.push({
      document,
      line,
      language,
      code,
      ...(fileName !== undefined && { fileName }),
      ...(mark !== undefined && { notRun: mark.slice("not run: ".length) }),
    });
  }
  return blocks;
}

/** The Markdown in the docstrings of a source, on the lines where it stands. */
export function docstringsOf(source: string): string {
  const lines = source.split("\n").map(() => "");
  for (const match of source.matchAll(DOCSTRING)) {
    const first = source.slice(0, match.index).split("\n").length - 1;
    for (const [index, text] of match[0].split("\n").entries()) {
      lines[first + index] = text.replace(/^\s*(?:\/\*\*|\*\/|\* ?)/, "");
    }
  }
  return lines.join("\n");
}

/** Every document of the repository with blocks that should run. */
export function documentPaths(): string[] {
  return globSync(["*.md", "docs/**/*.md", "packages/*/*.md", "packages/*/traces/*.md", "examples/**/*.md"], {
    cwd: ROOT,
    exclude: ["**/node_modules"],
  })
    .filter((path) => !path.startsWith(DECLARATIONS))
    .toSorted();
}

/** All blocks of documents and docstrings. */
export function allBlocks(): CodeBlock[] {
  const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");
  const sources = globSync("packages/{kmem,kmem-cli}/src/**/*.ts", { cwd: ROOT }).toSorted();
  return [
    ...documentPaths().flatMap((path) => blocksOf(path, textOf(path))),
    ...sources.flatMap((path) => blocksOf(path, docstringsOf(textOf(path)))),
  ];
}

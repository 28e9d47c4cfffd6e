// Every link of the documents leads somewhere: to a file, and to a heading in it.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../src/figures/repository.ts";
import { documentPaths } from "./code-blocks.ts";

interface Link {
  readonly line: number;
  readonly target: string;
}

/** A text of Markdown without the bytes in its code, line by line. */
function proseOf(text: string): string {
  const blank = (code: string): string => code.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(/^```[\s\S]*?^```$/gm, blank).replaceAll(/`[^`\n]*`/g, blank);
}

/** Links and images, those to other sites left out. */
function linksOf(text: string): Link[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 1: target = "", index }) =>
    /^(?:https?|mailto):/.test(target) ? [] : [{ target, line: text.slice(0, index).split("\n").length }],
  );
}

/** The anchors of the headings of a text, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const counts = new Map<string, number>();
  for (const [, heading = ""] of text.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
    const anchor = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  return anchors;
}

function faultsOf(document: string, textOf: (path: string) => string | undefined): string[] {
  return linksOf(textOf(document) ?? "").flatMap(({ line, target }) => {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? document : normalize(join(dirname(document), path));
    const text = textOf(file);
    if (text === undefined) return [`${document}:${line} leads to ${file}, which is not there`];
    const isHere = anchor === undefined || !file.endsWith(".md") || anchorsOf(text).has(anchor);
    return isHere ? [] : [`${document}:${line} leads to #${anchor}, which ${file} does not have`];
  });
}

/** The text of a file, or nothing for what has none but is there. */
function textOf(path: string): string | undefined {
  const file = join(ROOT, path);
  if (!existsSync(file)) return undefined;
  return path.endsWith(".md") ? readFileSync(file, "utf8") : "";
}

describe("the links of the documents", () => {
  it("lead to files and headings that are there", () => {
    expect(documentPaths().flatMap((path) => faultsOf(path, textOf))).toEqual([]);
  });

  it("are found broken", () => {
    const texts: Record<string, string> = {
      "a.md": "[b](b/c.md#two-words-ok) [x](b/none.md)\n`[no](link)`\n![p](#here) [w](https://example.org/none)",
      "b/c.md": "## Two words, `ok`?\n\n[back](../a.md)\n",
    };
    const find = (path: string): string | undefined => texts[path];
    expect(faultsOf("a.md", find)).toEqual([
      "a.md:1 leads to b/none.md, which is not there",
      "a.md:3 leads to #here, which a.md does not have",
    ]);
    expect(faultsOf("b/c.md", find)).toEqual([]);
  });
});

import { readFileSync } from "node:fs";
import type { Declaration } from "./declarations.ts";

/** Members that nobody outside of a class can name. */
const HIDDEN = /^(?:#|private |static #|private constructor)/;
const MEMBER_NAME =
  /^(?:(?:static|readonly|abstract|protected|get|set|override) )*(?<name>\[[^\]]+\]|[\w$]+|\(|new \()/;

/** A statement or member, and whether a docstring stands right before it. */
interface Part {
  readonly text: string;
  readonly isDocumented: boolean;
}

/** The parts of a text at its outermost level: each ends with a semicolon, or with a brace at the end of a line. */
function partsOf(code: string): Part[] {
  const parts: Part[] = [];
  let depth = 0;
  let start = 0;
  // Comments and texts have semicolons and braces of their own.
  const outer = code.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"[^"\n]*"/g, (inner) => " ".repeat(inner.length));
  for (let index = 0; index < outer.length; index++) {
    const character = outer[index] as string;
    if ("{([".includes(character)) depth++;
    else if ("})]".includes(character)) depth--;
    const isEnd = character === ";" || (character === "}" && /^[ \t]*\n/.test(outer.slice(index + 1, index + 100)));
    if (depth > 0 || !isEnd) continue;
    const whole = code.slice(start, index + 1);
    const text = whole.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "").trim();
    const comments = whole.match(/\/\*[\s\S]*?\*\//g) ?? [];
    const isDocumented = /^\s*(?:\/\/[^\n]*\n\s*)*\/\*\*/.test(whole) && comments.length > 0;
    if (text !== "") parts.push({ text, isDocumented });
    start = index + 1;
  }
  return parts;
}

/** The names of members without a docstring: an overload has that of the one before it. */
function bareMembers(body: string): string[] {
  const documented = new Set<string>();
  const bare = new Set<string>();
  for (const { text, isDocumented } of partsOf(body)) {
    const name = MEMBER_NAME.exec(text)?.groups?.["name"];
    if (HIDDEN.test(text) || name === undefined) continue;
    if (isDocumented) documented.add(name);
    else if (!documented.has(name)) bare.add(name);
  }
  return [...bare];
}

/** The docstrings that a declaration lacks: its own, and those of what a class or an interface declares. */
export function missingDocstrings({ file, name }: Declaration): string[] {
  const own = name.replace("$", "\\$");
  const declares = new RegExp(
    `^(?:export )?(?:declare )?(?:abstract )?(?<kind>class|interface|type|const|function) ${own}\\b`,
  );
  const parts = partsOf(readFileSync(file, "utf8")).filter(({ text }) => declares.test(text));
  const missing = parts.some(({ isDocumented }) => isDocumented) ? [] : [name];
  for (const { text } of parts) {
    const kind = declares.exec(text)?.groups?.["kind"];
    if (kind !== "class" && kind !== "interface") continue;
    const whole = readFileSync(file, "utf8");
    const start = whole.search(new RegExp(`(?:class|interface) ${name}\\b[^{]*\\{`));
    const open = whole.indexOf("{", start);
    missing.push(...bareMembers(whole.slice(open + 1, endOf(whole, open))).map((member) => `${name}.${member}`));
  }
  return missing;
}

/** Where the brace that opens at an index closes. */
function endOf(code: string, open: number): number {
  let depth = 0;
  for (let index = open; index < code.length; index++) {
    if (code.startsWith("/*", index)) index = code.indexOf("*/", index) + 1;
    else if (code[index] === "{") depth++;
    else if (code[index] === "}" && --depth === 0) return index;
  }
  return code.length;
}

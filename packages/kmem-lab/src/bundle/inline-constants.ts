import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type AnyNode, parse } from "acorn";
import type { Plugin } from "esbuild";
import { allNodes } from "./syntax.ts";
import { withoutAssertions } from "./without-assertions.ts";

type Table = Readonly<Record<string, number>>;

/**
 * Whether the code of a module says that what it exports by this name never changes: a table of numbers that is written
 * out, or one that is computed from a table of fields.
 */
function isConstant(text: string, name: string): boolean {
  if (new RegExp(`^export const ${name}: Offsets<`, "m").test(text)) return true;
  const start = text.search(new RegExp(`^export const ${name} = \\{`, "m"));
  if (start < 0) return false;
  // A table ends with the first brace at the beginning of a line, or on the line that it begins on.
  const line = text.slice(start, text.indexOf("\n", start));
  return line.endsWith("{")
    ? text.startsWith("\n} as const", text.indexOf("\n}", start))
    : line.endsWith("} as const;");
}

/** The tables of numbers that a module imports, by their names in it. */
async function importedTables(file: string, program: AnyNode): Promise<Map<string, Table>> {
  const tables = new Map<string, Table>();
  for (const node of allNodes(program)) {
    if (node.type !== "ImportDeclaration") continue;
    const source = resolve(dirname(file), String(node.source.value));
    for (const specifier of node.specifiers) {
      if (specifier.type !== "ImportSpecifier" || specifier.imported.type !== "Identifier") continue;
      const { name } = specifier.imported;
      if (!isConstant(readFileSync(source, "utf8"), name)) continue;
      const module = (await import(pathToFileURL(source).href)) as Readonly<Record<string, Table>>;
      tables.set(specifier.local.name, module[name]!);
    }
  }
  return tables;
}

/** The text of a TypeScript module without types and assertions, with the constants of imported tables in place. */
export async function inlineTables(file: string): Promise<string> {
  const code = withoutAssertions(stripTypeScriptTypes(readFileSync(file, "utf8"), { mode: "strip" }));
  const program = parse(code, { ecmaVersion: "latest", sourceType: "module" });
  const tables = await importedTables(file, program);
  const parts: string[] = [];
  let done = 0;
  const members = [...allNodes(program)].filter((node) => node.type === "MemberExpression");
  for (const { object, property, computed, start, end } of members.sort((a, b) => a.start - b.start)) {
    if (computed || object.type !== "Identifier" || property.type !== "Identifier") continue;
    const value = tables.get(object.name)?.[property.name];
    if (typeof value !== "number") continue;
    parts.push(code.slice(done, start), value < 0 ? `(${value})` : String(value));
    done = end;
  }
  return [...parts, code.slice(done)].join("");
}

/**
 * Writes the numbers of constant tables (`Header.FLAGS`) in their places. esbuild does so with constants that are plain
 * numbers, not with those that are fields of an object, and neither does the engine.
 */
export const inlineConstants: Plugin = {
  name: "inline constants",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => ({ contents: await inlineTables(path) }));
  },
};

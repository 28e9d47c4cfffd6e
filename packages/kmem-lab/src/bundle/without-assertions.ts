import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { type AnyNode, type Program, parse } from "acorn";
import type { Plugin } from "esbuild";
import { allNodes } from "./syntax.ts";

/** The constant that assertions hang on. */
const SWITCH = "ASSERTIONS";

function parsed(code: string): Program {
  return parse(code, { ecmaVersion: "latest", sourceType: "module" });
}

/** Whether a condition is the switch, or the switch and more. */
function isSwitch(test: AnyNode): boolean {
  if (test.type === "Identifier") return test.name === SWITCH;
  return test.type === "LogicalExpression" && test.operator === "&&" && isSwitch(test.left);
}

/** Whether a node is there for assertions alone: an `if (ASSERTIONS)`, or a method that is named `assert…`. */
function isAssertion(node: AnyNode, code: string): boolean {
  if (node.type === "MethodDefinition") return /^#?assert[A-Z]/.test(code.slice(node.key.start, node.key.end));
  if (node.type !== "IfStatement" || !isSwitch(node.test)) return false;
  if (node.alternate != null) throw new Error(`an assertion has an else: ${code.slice(node.start, node.end)}`);
  return true;
}

/** The line ends of a stretch of code: what comes after it then keeps its line. */
function lineEnds(code: string): string {
  return code.replace(/[^\n]/g, "");
}

/**
 * The code of a module, JavaScript, without its assertions: statements, methods, and the imports that nothing else
 * needs. All that is left stays in its line. Throws where the switch is used for anything else.
 */
export function withoutAssertions(code: string): string {
  if (!/ASSERTIONS|assert[A-Z]/.test(code) || code.includes(`export const ${SWITCH}`)) return code;
  const assertions: AnyNode[] = [];
  for (const node of allNodes(parsed(code))) {
    const isWithin = assertions.some(({ start, end }) => start <= node.start && node.end <= end);
    if (!isWithin && isAssertion(node, code)) assertions.push(node);
  }
  let bare = code;
  for (const { start, end } of assertions.sort((a, b) => b.start - a.start)) {
    bare = bare.slice(0, start) + lineEnds(bare.slice(start, end)) + bare.slice(end);
  }
  return withoutImports(bare);
}

/** The code without the names that it imports and does not use, and without the imports of which no name is left. */
function withoutImports(code: string): string {
  const program = parsed(code);
  const others = program.body.filter(({ type }) => type !== "ImportDeclaration");
  const nodes = others.flatMap((statement) => [...allNodes(statement)]);
  const used = new Set(nodes.flatMap((node) => (node.type === "Identifier" ? [node.name] : [])));
  if (used.has(SWITCH)) throw new Error(`${SWITCH} is used for something else than an assertion`);
  let text = code;
  for (const node of [...program.body].reverse()) {
    if (node.type !== "ImportDeclaration" || node.specifiers.length === 0) continue;
    const left = node.specifiers.filter((specifier) => used.has(specifier.local.name));
    if (left.length === node.specifiers.length) continue;
    const names = left.map(({ start, end }) => code.slice(start, end)).join(", ");
    const rest = names === "" ? "" : `import { ${names} } from ${node.source.raw};`;
    text = text.slice(0, node.start) + rest + lineEnds(code.slice(node.start, node.end)) + text.slice(node.end);
  }
  return text;
}

/** A plugin for esbuild that bundles the library's sources as they are published. */
export const publishedSources: Plugin = {
  name: "without assertions",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => ({
      contents: withoutAssertions(stripTypeScriptTypes(readFileSync(path, "utf8"), { mode: "strip" })),
    }));
  },
};

import { type Node, parse } from "acorn";

/** A node of the syntax tree, as far as it is looked at. */
interface Syntax extends Node {
  readonly [key: string]: unknown;
}

/**
 * Declares the variables of a module that are never assigned again as `const`. esbuild makes a `var` of each, and V8
 * loads a `var` from memory where it would have the value of a `const` in its code: 8 % on traces that live in slabs.
 */
export function withConstantBindings(text: string): string {
  const { body } = parse(text, { ecmaVersion: "latest", sourceType: "module" }) as unknown as { body: Syntax[] };
  const assigned = new Set<string>();
  collectAssigned(body, assigned);
  const starts = body.filter((node) => isConstant(node, assigned)).map(({ start }) => start);
  return starts.reduceRight((rest, start) => `${rest.slice(0, start)}const${rest.slice(start + "var".length)}`, text);
}

function isConstant(node: Syntax, assigned: ReadonlySet<string>): boolean {
  if (node.type !== "VariableDeclaration" || node["kind"] !== "var") return false;
  return (node["declarations"] as Syntax[]).every(({ id, init }) => {
    const names = new Set<string>();
    collectNames(id, names);
    return init !== null && ![...names].some((name) => assigned.has(name));
  });
}

/** Collects the names of whatever is assigned to anywhere, whichever scope it is of. */
function collectAssigned(value: unknown, assigned: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) collectAssigned(one, assigned);
  else if (typeof value === "object" && value !== null) {
    const node = value as Syntax;
    if (node.type === "AssignmentExpression") collectNames(node["left"], assigned);
    if (node.type === "UpdateExpression") collectNames(node["argument"], assigned);
    if (node.type === "ForOfStatement" || node.type === "ForInStatement") collectNames(node["left"], assigned);
    for (const key of Object.keys(node)) collectAssigned(node[key], assigned);
  }
}

function collectNames(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) collectNames(one, names);
  else if (typeof value === "object" && value !== null) {
    const node = value as Syntax;
    if (node.type === "Identifier") names.add(node["name"] as string);
    else if (node.type !== "MemberExpression") for (const key of Object.keys(node)) collectNames(node[key], names);
  }
}

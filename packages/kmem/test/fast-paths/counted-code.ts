import { stripTypeScriptTypes } from "node:module";
import type { AnyNode } from "acorn";
import { allNodes, parseModule } from "../interleave/transform/syntax.ts";
import type { SourceFile } from "../source-files.ts";

/** Objects whose functions are single instructions, or are counted as atomics. */
const UNCOUNTED_OBJECTS: ReadonlySet<string> = new Set(["Math", "Atomics"]);

/** Text that goes before and behind a node. */
interface Wrap {
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly after: string;
}

/** A test that a branch hangs on: each operand of `&&`, `||` and `!` that is not one of these itself. */
function* testsOf(node: AnyNode): Generator<Wrap> {
  // Assertions are in no published build, and off here.
  if (node.type === "Identifier" && node.name === "ASSERTIONS") return;
  if (node.type === "LogicalExpression" && node.operator !== "??") {
    yield* testsOf(node.left);
    yield* testsOf(node.right);
  } else if (node.type === "UnaryExpression" && node.operator === "!") {
    yield* testsOf(node.argument);
  } else {
    yield { start: node.start, end: node.end, before: "$count.test(", after: ")" };
  }
}

function isCounted(node: AnyNode): boolean {
  if (node.type === "NewExpression") return true;
  if (node.type !== "CallExpression" || node.callee.type === "Super") return false;
  if (node.callee.type !== "MemberExpression") return true;
  const { object } = node.callee;
  return !(object.type === "Identifier" && UNCOUNTED_OBJECTS.has(object.name));
}

/** Where one node's own branch or call is counted. `conditions` are nodes that a test above has wrapped already. */
function* wrapsOf(node: AnyNode, conditions: ReadonlySet<AnyNode>, links: ReadonlySet<AnyNode>): Generator<Wrap> {
  if ("test" in node && node.test != null && node.type !== "SwitchCase") yield* testsOf(node.test);
  if (node.type === "LogicalExpression" && node.operator === "??") {
    yield { start: node.left.start, end: node.left.end, before: "$count.testNullish(", after: ")" };
  } else if (node.type === "LogicalExpression" && !conditions.has(node)) {
    yield* testsOf(node.left);
  }
  if (isCounted(node) && !links.has(node)) {
    yield { start: node.start, end: node.end, before: "($count.noteCall(), ", after: ")" };
  } else if (node.type === "MethodDefinition" && node.kind === "get" && node.value.body != null) {
    const { start } = node.value.body;
    yield { start: start + 1, end: start + 1, before: " $count.noteCall();", after: "" };
  }
}

/** The operators that `testsOf` goes through from a condition down. */
function conditionsOf(node: AnyNode): AnyNode[] {
  if (node.type === "LogicalExpression" && node.operator !== "??") {
    return [node, ...conditionsOf(node.left), ...conditionsOf(node.right)];
  }
  return node.type === "UnaryExpression" && node.operator === "!" ? conditionsOf(node.argument) : [];
}

/** Links of an optional chain: they cannot be taken apart. */
function linksOf(node: AnyNode): AnyNode[] {
  if (node.type !== "CallExpression" && node.type !== "MemberExpression") return [];
  return [node, ...linksOf((node.type === "CallExpression" ? node.callee : node.object) as AnyNode)];
}

/**
 * The source with its branches and calls counted by `$count`: each test that decides on a way through the code, each
 * call of a function, method or getter and each `new`. The tests of loops over iterables, of `switch` and of optional
 * chains are left out, and so are calls within such a chain. Throws for code that cannot be parsed.
 */
export function countedSource({ path, text }: SourceFile): SourceFile {
  const code = stripTypeScriptTypes(text, { mode: "strip" });
  const nodes = [...allNodes(parseModule(code))];
  const conditions = new Set<AnyNode>();
  const links = new Set<AnyNode>();
  for (const node of nodes) {
    const roots = "test" in node && node.test != null ? [node.test] : [];
    if (node.type === "LogicalExpression" && node.operator !== "??") roots.push(node.left);
    for (const root of roots) for (const condition of conditionsOf(root)) conditions.add(condition);
    if (node.type === "ChainExpression") for (const link of linksOf(node.expression)) links.add(link);
  }
  const wraps = nodes.flatMap((node) => [...wrapsOf(node, conditions, links)]);
  return { path, text: wrapped(code, wraps) };
}

function wrapped(code: string, wraps: readonly Wrap[]): string {
  const widths = (a: Wrap, b: Wrap): number => b.end - b.start - (a.end - a.start);
  const at = new Map<number, { before: string; after: string }>();
  const place = (position: number): { before: string; after: string } => {
    const found = at.get(position) ?? { before: "", after: "" };
    at.set(position, found);
    return found;
  };
  // Wider wraps first: they open further out, and close further out too.
  for (const { start, end, before, after } of [...wraps].sort(widths)) {
    place(start).before += before;
    const closing = place(end);
    closing.after = after + closing.after;
  }
  const pieces: string[] = [];
  let done = 0;
  for (const position of [...at.keys()].sort((a, b) => a - b)) {
    const { before, after } = place(position);
    pieces.push(code.slice(done, position), after, before);
    done = position;
  }
  return [...pieces, code.slice(done)].join("");
}

import type { AnyNode } from "acorn";
import { parse } from "acorn";

/** Text that stands in the tree in place of a node: a temporary that holds the node's value already. */
export interface RawText {
  readonly type: "RawText";
  readonly text: string;
}

export type Syntax = AnyNode | RawText;

export function rawText(text: string): RawText {
  return { type: "RawText", text };
}

export function parseModule(code: string): AnyNode {
  return parse(code, { ecmaVersion: "latest", sourceType: "module", locations: true });
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as AnyNode).type === "string";
}

/** The nodes right below a node, in the order of the text. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children = Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]));
  return children.filter(isNode).sort((a, b) => a.start - b.start);
}

/** Whether a node or anything below it passes the test; `enters` says below which nodes to look. */
export function contains(
  node: AnyNode,
  test: (node: AnyNode) => boolean,
  enters: (node: AnyNode) => boolean = () => true,
): boolean {
  return test(node) || (enters(node) && childrenOf(node).some((child) => contains(child, test, enters)));
}

/** Every node of a tree, parents first. */
export function* allNodes(node: AnyNode): Generator<AnyNode> {
  yield node;
  for (const child of childrenOf(node)) yield* allNodes(child);
}

/** What the transform cannot instrument. It refuses loudly: an access that it let pass would not be explored. */
export class UnsupportedSyntax extends Error {
  override readonly name: string = "UnsupportedSyntax";

  constructor(file: string, node: AnyNode, what: string) {
    super(`${file}:${node.loc?.start.line}: ${what} cannot be instrumented`);
  }
}

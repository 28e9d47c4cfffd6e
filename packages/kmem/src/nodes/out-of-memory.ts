import { OutOfMemoryError } from "../memory/errors.ts";

/** How a node stood when it had to refuse. */
export interface NodeShortage {
  /** Number of the node. */
  readonly node: number;
  /** Bytes in its free pages. */
  readonly freeBytes: number;
  /** Its longest run of free pages. */
  readonly largestFreeRunBytes: number;
}

/** Nodes that a message names one by one; `nodes` has all of them. */
const NAMED_NODES_MAX = 16;

/** A copy of the list, empty for anything else: the constructor of an error takes any value. */
function shortagesOf(given: readonly NodeShortage[]): readonly NodeShortage[] {
  try {
    return given.map(({ node, freeBytes, largestFreeRunBytes }) => ({ node, freeBytes, largestFreeRunBytes }));
  } catch {
    return [];
  }
}

/** No node that was asked has room. The figures are of all of them together, the largest run is of one of them. */
export class NodesOutOfMemoryError extends OutOfMemoryError {
  /** The name of the class, as in messages. */
  override readonly name: string = "NodesOutOfMemoryError";
  /** The nodes that were asked, in that order. */
  readonly nodes: readonly NodeShortage[];

  /** An error with the shortage of each node that was asked. */
  constructor(askedBytes: number, given: readonly NodeShortage[]) {
    const nodes = shortagesOf(given);
    const figures = {
      askedBytes,
      freeBytes: nodes.reduce((sum, node) => sum + node.freeBytes, 0),
      largestFreeRunBytes: nodes.reduce((most, node) => Math.max(most, node.largestFreeRunBytes), 0),
      nodes,
    };
    super(figures);
    this.nodes = nodes;
    const named = nodes
      .slice(0, NAMED_NODES_MAX)
      .map(({ node, freeBytes, largestFreeRunBytes }) => `node ${node} ${freeBytes}, ${largestFreeRunBytes}`);
    const rest = nodes.length > NAMED_NODES_MAX ? `; and ${nodes.length - NAMED_NODES_MAX} more` : "";
    this.message += ` (free bytes, largest run: ${named.join("; ")}${rest})`;
  }
}

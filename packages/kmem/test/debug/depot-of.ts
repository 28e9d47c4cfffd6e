import { StackDepot } from "../../src/debug/depot.ts";
import type { DebugHeap } from "../../src/debug/index.ts";
import { DebugRoot } from "../../src/debug/root.ts";

/** The depot of a heap, as one more thread has it: it has met no stack yet. */
export function depotOf({ layers }: DebugHeap): StackDepot {
  const root = DebugRoot.find(layers);
  if (root === undefined) throw new Error("the heap has no root");
  return new StackDepot(layers, root);
}

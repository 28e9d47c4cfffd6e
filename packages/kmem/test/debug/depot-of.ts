import { StackDepot } from "../../src/debug/depot.ts";
import type { DebugHeap } from "../../src/debug/index.ts";
import { DebugRoot } from "../../src/debug/root.ts";
import { layersOf } from "../../src/heap/access.ts";

/** The depot of a heap, as one more thread has it: it has met no stack yet. */
export function depotOf(heap: DebugHeap): StackDepot {
  const layers = layersOf(heap);
  const root = DebugRoot.find(layers);
  if (root === undefined) throw new Error("the heap has no root");
  return new StackDepot(layers, root);
}

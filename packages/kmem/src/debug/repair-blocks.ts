import type { DebugBlocks } from "./debug-blocks.ts";
import type { Located } from "./locate-object.ts";
import type { DebugRepairStep } from "./repair-root.ts";

/**
 * Restores the bytes around blocks, and in those that are free, and makes damaged records anew: nothing says of those
 * what they were, so the object is as large as its block allows. O(bytes).
 */
export function repairDebugged(blocks: DebugBlocks, damaged: Iterable<Located>): DebugRepairStep[] {
  return [...damaged].flatMap((located): DebugRepairStep[] => {
    if (located.record.state === "damaged") {
      blocks.remake(located);
      const done = "a record was made anew: who allocated the object, and its size, are not known any more";
      return [{ layer: "debug", address: located.block.address, done, isLoss: true }];
    }
    return blocks.restore(located).map(({ what, from, to }) => {
      return { layer: "debug", address: from, done: `${what}: ${to - from} bytes were restored`, isLoss: false };
    });
  });
}

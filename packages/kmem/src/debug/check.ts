import { everyBlock } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { Finding } from "../memory/finding.ts";
import type { DebugBlocks } from "./debug-blocks.ts";
import type { Located } from "./located.ts";

/** The blocks of which something is expected: objects, blocks in quarantine, and free blocks of slabs. O(heap). */
export function* debuggedBlocks(layers: Layers, blocks: DebugBlocks): Generator<Located> {
  for (const { address } of everyBlock(layers)) {
    const located = blocks.locate(address);
    if (located === undefined) continue;
    const { state } = located.record;
    // A thread that died, or was reaped by a plain heap, leaves blocks whose state is not that of the layers below.
    const isExpected = located.isTaken ? state === "LIVE" || state === "QUARANTINED" : state !== "LIVE";
    if (isExpected || state === "damaged") yield located;
  }
}

/** What is wrong around blocks, and in those that are free. Reads only. O(bytes). */
export function checkDebugged(layers: Layers, blocks: DebugBlocks): Finding[] {
  return [...debuggedBlocks(layers, blocks)].flatMap((located) => blocks.findings(located));
}

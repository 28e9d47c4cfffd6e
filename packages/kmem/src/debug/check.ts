import { everyBlock, liveBlocks } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { Finding } from "../memory/finding.ts";
import { PAGE_SHIFT } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import type { DebugBlocks } from "./debug-blocks.ts";
import type { Located } from "./locate-object.ts";
import { hasRecord } from "./record.ts";

/** The blocks of which something is expected: objects, blocks in quarantine, and free blocks of slabs. O(heap). */
export function* debuggedBlocks(layers: Layers, blocks: DebugBlocks): Generator<Located> {
  for (const { address } of everyBlock(layers)) {
    const located = blocks.locate(address);
    if (located === undefined) continue;
    const { state } = located.record;
    // A thread that died, or was reaped by a plain heap, leaves blocks whose state is not that of the layers below.
    const isExpected = located.isTaken ? state === "LIVE" || state === "QUARANTINED" : state !== "LIVE";
    if (state === "damaged" ? isLost(layers, located) : isExpected) yield located;
  }
}

/** The blocks that the layers below have handed out. O(heap). */
export function* allocatedBlocks(layers: Layers, blocks: DebugBlocks): Generator<Located> {
  for (const { address } of liveBlocks(layers)) {
    const located = blocks.locate(address);
    if (located !== undefined) yield located;
  }
}

/** Whether a block has had a record: one that is a run of pages has none until it is an object. */
function isLost({ pages, memory }: Layers, { block, word }: Located): boolean {
  return pages.frames.kind(block.address >>> PAGE_SHIFT) >= FrameKind.FIRST_CACHE || hasRecord(memory.words, word);
}

/** What is wrong around blocks, and in those that are free. Reads only. O(bytes). */
export function checkDebugged(layers: Layers, blocks: DebugBlocks): Finding[] {
  return [...debuggedBlocks(layers, blocks)].flatMap((located) => blocks.findings(located));
}

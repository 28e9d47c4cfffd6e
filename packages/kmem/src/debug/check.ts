import { everyBlock } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { hex } from "../memory/errors.ts";
import type { Finding } from "../memory/finding.ts";
import type { DebugBlocks } from "./debug-blocks.ts";
import { type Located, objectAddress } from "./located.ts";

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
  const findings: Finding[] = [];
  for (const located of debuggedBlocks(layers, blocks)) {
    const { record, block } = located;
    const name = blocks.cacheName(record.kind);
    if (record.state === "damaged") {
      findings.push({ layer: "debug", address: block.address, problem: "the record of a block is damaged" });
    }
    for (const { what, from, to, found, byte } of blocks.overwrites(located)) {
      const where = `object ${hex(objectAddress(located))} of ${name}, ${record.sizeBytes} bytes`;
      const instead = `0x${found.toString(16)} instead of 0x${byte.toString(16)}`;
      const problem = `${what} overwritten in ${hex(from)}-${hex(to - 1)}: ${instead} (${where})`;
      findings.push({ layer: "debug", address: from, problem });
    }
  }
  return findings;
}

import { blocksOf, checkHeap, heapStats, PAGE_SIZE } from "../../src/index.ts";
import { type BlockRecord, Kind } from "./block-record.ts";
import { requireSound, type StressHeap } from "./holder.ts";

/** Findings and differences that an error lists at most. */
const LISTED = 8;

interface Held {
  readonly blocks: ReadonlyMap<number, BlockRecord>;
  readonly pieces: number;
  readonly pageBytes: number;
}

/** Sorts what the threads hold, and throws when two of them hold the same. */
function heldOf(records: Iterable<BlockRecord>): Held {
  const blocks = new Map<number, BlockRecord>();
  let pieces = 0;
  let pageBytes = 0;
  for (const record of records) {
    pieces++;
    if (record.kind === Kind.PAGES) {
      pageBytes += record.sizeBytes;
      continue;
    }
    const other = blocks.get(record.address);
    requireSound(
      other === undefined,
      () => `the block at ${record.address} was handed out to thread ${record.owner} and to thread ${other?.owner}`,
    );
    blocks.set(record.address, record);
  }
  return { blocks, pieces, pageBytes };
}

function requireClean(heap: StressHeap): void {
  const { findings, isClean } = checkHeap(heap);
  requireSound(
    isClean && findings.length === 0,
    () => `checkHeap(heap) has ${findings.length} findings: ${JSON.stringify(findings.slice(0, LISTED))}`,
  );
}

/** Every live block is somebody's, and everybody's blocks are live. */
function requireSameBlocks(heap: StressHeap, held: Held): void {
  const strangers: number[] = [];
  let found = 0;
  for (const block of blocksOf(heap)) {
    const record = held.blocks.get(block.address);
    if (record === undefined || block.usableBytes < record.sizeBytes) strangers.push(block.address);
    else found++;
  }
  requireSound(
    strangers.length === 0 && found === held.blocks.size,
    () =>
      `the threads hold ${held.blocks.size} blocks, of which ${found} are live; ${strangers.length} live blocks are ` +
      `nobody's: ${strangers.slice(0, LISTED)}`,
  );
}

/**
 * Looks at the whole heap while all threads rest: its own check, and its figures and list of blocks against what the
 * threads hold. Returns the number of pieces that they hold. O(heap).
 */
export function inspect(heap: StressHeap, records: Iterable<BlockRecord>): number {
  requireClean(heap);
  const held = heldOf(records);
  const { liveBlocks, bytes } = heapStats(heap);
  requireSound(
    liveBlocks === held.blocks.size,
    () => `stats() counts ${liveBlocks} live blocks, the threads hold ${held.blocks.size}`,
  );
  requireSound(
    bytes.pageRunBytes === held.pageBytes,
    () =>
      `stats() counts ${bytes.pageRunBytes / PAGE_SIZE} pages in runs, the threads hold ${held.pageBytes / PAGE_SIZE}`,
  );
  const { totalBytes, ...parts } = bytes;
  const sumBytes = Object.values(parts).reduce((sum, part) => sum + part, 0);
  requireSound(sumBytes === totalBytes, () => `the parts of ${totalBytes} bytes sum up to ${sumBytes}`);
  requireSameBlocks(heap, held);
  return held.pieces;
}

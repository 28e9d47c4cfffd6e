import { join } from "node:path";
import { makeWhole, type Workload } from "../replay/workload.ts";
import { LiveBytes } from "../trace/live-bytes.ts";
import { OP } from "../trace/op-stream.ts";
import { OpWriter } from "../trace/op-writer.ts";
import { summarizeLive } from "../trace/trace-summary.ts";

/** Sizes of the blocks, evenly spread. */
const SIZE_MIN_BYTES = 16;
const SIZE_MAX_BYTES = 480;
/** So many blocks are replaced at the least, and each block twice on average, so that filling up weighs little. */
const REPLACEMENTS_MIN = 1_000_000;
const REPLACEMENTS_PER_BLOCK = 2;
const SEED = 0x9e3779b9;

/** Marsaglia's xorshift: the same numbers everywhere. */
function xorshift32(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/**
 * Writes the workload of random churn: `liveBlockCount` blocks are allocated, then randomly chosen ones are freed and
 * replaced by blocks of another size. Files go into `folder`.
 */
export function makeChurn(liveBlockCount: number, folder: string): Workload {
  const random = xorshift32(SEED);
  const randomSize = (): number => SIZE_MIN_BYTES + (random() % (SIZE_MAX_BYTES - SIZE_MIN_BYTES + 1));
  const sizes = new Uint32Array(liveBlockCount);
  const live = new LiveBytes();
  const opsPath = join(folder, "churn.ops");
  const writer = new OpWriter(opsPath);
  const allocate = (slot: number): void => {
    const sizeBytes = randomSize();
    sizes[slot] = sizeBytes;
    live.addBlock(sizeBytes);
    writer.op(OP.MALLOC, 0, slot, sizeBytes, 0);
  };
  for (let slot = 0; slot < liveBlockCount; slot++) allocate(slot);
  const replacementCount = Math.max(REPLACEMENTS_MIN, liveBlockCount * REPLACEMENTS_PER_BLOCK);
  for (let replacement = 0; replacement < replacementCount; replacement++) {
    const slot = random() % liveBlockCount;
    live.removeBlock(sizes[slot]!);
    writer.op(OP.FREE, 0, slot, sizes[slot]!, 0);
    allocate(slot);
  }
  const summary = summarizeLive(live);
  writer.finish({ kind: "malloc", slotCount: liveBlockCount, ...summary }, []);
  return makeWhole(opsPath, folder, summary);
}

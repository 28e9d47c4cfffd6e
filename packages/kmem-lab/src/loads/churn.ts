import type { Workload } from "kmem-cli/internal/replay/workload";
import { formatCount } from "kmem-cli/internal/system/units";
import { type Load, SMALL_MAX_BYTES, SMALL_MIN_BYTES } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

/** So many blocks are replaced at the least, and each block twice on average, so that filling up weighs little … */
const REPLACEMENTS_MIN = 1_000_000;
const REPLACEMENTS_PER_BLOCK = 2;
/** … but no more than this, so that ten million blocks are done within the hour: there filling up is a third. */
const REPLACEMENTS_MAX = 10_000_000;

/**
 * Writes the workload of random churn: `liveBlockCount` blocks are allocated, then randomly chosen ones are freed and
 * replaced by blocks of another size. Files go into `folder`; they are written as a stream.
 */
export function makeChurn(liveBlockCount: number, folder: string): Workload {
  const random = new Random();
  const load = new LoadWriter("blocks", folder, liveBlockCount);
  const allocate = (slot: number): void => load.malloc(slot, random.between(SMALL_MIN_BYTES, SMALL_MAX_BYTES));
  for (let slot = 0; slot < liveBlockCount; slot++) allocate(slot);
  const wantedCount = Math.max(REPLACEMENTS_MIN, liveBlockCount * REPLACEMENTS_PER_BLOCK);
  const replacementCount = Math.min(REPLACEMENTS_MAX, wantedCount);
  for (let replacement = 0; replacement < replacementCount; replacement++) {
    const slot = random.between(0, liveBlockCount - 1);
    load.free(slot);
    allocate(slot);
  }
  return load.finish();
}

/** Random churn as one of the synthetic loads. */
export function churnLoad(liveBlockCount: number): Load {
  const name = `churn, ${formatCount(liveBlockCount)} blocks`;
  const make = (folder: string): Workload => makeChurn(liveBlockCount, folder);
  return { name, summary: "random churn", kind: "blocks", liveBlockCount, make };
}

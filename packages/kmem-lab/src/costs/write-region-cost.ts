import { median } from "kmem-cli/internal/system/statistics";
import { threeDigits } from "kmem-cli/internal/system/units";
import { writeFigure } from "../figures/repository.ts";
import type { RegionCost } from "./region-cost.ts";
import { measureRounds } from "./rounds.ts";

const CHUNK_COUNTS: readonly string[] = ["10", "1000", "100000"];
const ROUNDS = 5;

/**
 * Measures what a pair of kfree and kmalloc costs in a region of 10, 1,000 and 100,000 chunks, and writes it to
 * docs/figures and into docs/sentences.md.
 */
export async function writeRegionCost(): Promise<void> {
  const rounds = await measureRounds<RegionCost>("region", CHUNK_COUNTS, ROUNDS);
  const rows = rounds.map((costs, index) => [
    CHUNK_COUNTS[index]!,
    threeDigits(median(costs.map(({ worstFitNs }) => worstFitNs))),
    threeDigits(median(costs.map(({ firstFitNs }) => firstFitNs))),
  ]);
  writeFigure(
    "region-cost",
    [["chunks", "worst_fit_ns", "first_fit_ns"], ...rows],
    [["chunks in the region", "worst fit, kmalloc + kfree, ns", "first fit, kmalloc_fast + kfree, ns"], ...rows],
    { document: "docs/sentences.md", mark: "figures: region cost" },
  );
}

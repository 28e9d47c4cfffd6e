import { median } from "kmem-cli/internal/system/statistics";
import { threeDigits } from "kmem-cli/internal/system/units";
import { writeFigure } from "../figures/repository.ts";
import { MODE_NAMES, type ModeCost } from "./debug-cost.ts";
import { measureRounds } from "./rounds.ts";

const ROUNDS = 5;
const HEADER: readonly string[] = ["mode", "ns per operation", "times a plain heap's", "footprint / bytes asked for"];

/**
 * Measures what each mode that finds memory bugs costs in time and memory, beside a plain heap, and writes it to
 * docs/figures and into docs/memory-bugs.md.
 */
export async function writeDebugCost(): Promise<void> {
  const rounds = await measureRounds<ModeCost>("debug", MODE_NAMES, ROUNDS);
  const times = rounds.map((costs) => median(costs.map(({ nsPerOperation }) => nsPerOperation)));
  const rows = rounds.map((costs, index) => [
    MODE_NAMES[index]!,
    threeDigits(times[index]!),
    threeDigits(times[index]! / times[0]!),
    threeDigits(median(costs.map(({ footprint }) => footprint))),
  ]);
  const cells = [HEADER, ...rows];
  writeFigure("debug-cost", cells, cells, { document: "docs/memory-bugs.md", mark: "figures: debug cost" });
}

import type { Cells } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import type { Goal } from "./goal.ts";
import { LOAD_GOALS } from "./load-goals.ts";
import { MEMORY_GOALS } from "./memory-goals.ts";
import { TIME_GOALS } from "./time-goals.ts";

const NOT_MEASURED = "–";

/** Everything that kmem is to reach, in the order of the table. */
export const GOALS: readonly Goal[] = [...TIME_GOALS, ...LOAD_GOALS, ...MEMORY_GOALS];

/** What was measured, what it was to be, and whether it is that. */
export function goalsTable(files: FigureFiles, goals: readonly Goal[] = GOALS): Cells {
  const rows = goals.map(({ name, goal, measure }) => {
    const figure = measure(files);
    if (figure === undefined) return [name, NOT_MEASURED, goal, NOT_MEASURED];
    return [name, figure.text, goal, figure.isReached ? "yes" : "**no**"];
  });
  return [["goal", "measured", "to be", "reached"], ...rows];
}

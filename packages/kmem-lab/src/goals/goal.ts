import type { FigureFiles } from "../figures/figure-files.ts";

/** What was measured for a goal. */
export interface GoalFigure {
  /** As the table shows it. */
  readonly text: string;
  readonly isReached: boolean;
}

/** Something that kmem is to reach. */
export interface Goal {
  readonly name: string;
  /** As the table shows it: `≤ 1.25`. */
  readonly goal: string;
  /** Undefined where the figures that it takes have not been measured. */
  measure(files: FigureFiles): GoalFigure | undefined;
}

/** A goal that a ratio must not exceed. */
export function atMost(name: string, limit: number, measure: (files: FigureFiles) => number | undefined): Goal {
  return { name, goal: `≤ ${limit.toFixed(DIGITS)}`, measure: (files) => figure(measure(files), (x) => x <= limit) };
}

/** A goal that a ratio must reach. */
export function atLeast(name: string, limit: number, measure: (files: FigureFiles) => number | undefined): Goal {
  return {
    name,
    goal: `≥ ${wholeNumber.format(limit)}`,
    measure: (files) => figure(measure(files), (x) => x >= limit),
  };
}

const DIGITS = 2;
/** From here on digits after the point say nothing. */
const LARGE = 100;
const wholeNumber = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A ratio: two digits after the point. */
export function ratioText(value: number): string {
  return value >= LARGE ? wholeNumber.format(value) : value.toFixed(DIGITS);
}

function figure(value: number | undefined, holds: (value: number) => boolean): GoalFigure | undefined {
  return value === undefined ? undefined : { text: ratioText(value), isReached: holds(value) };
}

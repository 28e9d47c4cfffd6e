import type { ExploreReport } from "../explore/explore.ts";
import type { Failure } from "../explore/run.ts";
import type { InstrumentedLibrary } from "../library.ts";

/** Steps of a failed run that are shown: the last ones. */
const STEPS_SHOWN = 40;

/** One line on an exploration. */
export function reportLine(report: ExploreReport, ms: number): string {
  const { name, interleavings, prunedRuns, steps, longestFreeRange, sharedBytes, isComplete } = report;
  const rate = Math.round((steps / Math.max(1, ms)) * 1000);
  const all = isComplete ? "all" : "at least";
  return (
    `${name}: ${all} ${interleavings} interleavings (${prunedRuns} pruned), ${steps} steps, ` +
    `up to ${longestFreeRange} a run, ${sharedBytes} shared bytes, ${(ms / 1000).toFixed(1)} s, ${rate} steps/s`
  );
}

/** What went wrong, the schedule to have it again, and the last steps with their places in the sources. */
export function failureText(library: InstrumentedLibrary, { problems, events, schedule }: Failure): string {
  const steps = events
    .slice(-STEPS_SHOWN)
    .map(({ thread, request, site, first }) => `    thread ${thread}: ${request} ${library.place(site)} at ${first}`);
  return [...problems.map((problem) => `  ${problem}`), `  schedule: ${schedule}`, ...steps].join("\n");
}

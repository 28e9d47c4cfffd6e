import { median } from "kmem-cli/internal/system/statistics";
import type { DriftResult } from "./measure-jobs.ts";

/** Of rounds that did the same operations: the medians of what they held. */
export function medianDrift(rounds: readonly DriftResult[]): DriftResult {
  const first = rounds[0]!;
  const middle = (values: readonly (number | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : median(known);
  };
  const segments = first.segments.map((segment, index) => {
    const residentBytes = middle(rounds.map(({ segments }) => segments[index]?.residentBytes));
    const footprintBytes = middle(rounds.map(({ segments }) => segments[index]?.footprintBytes));
    return {
      ...segment,
      ...(residentBytes === undefined ? {} : { residentBytes }),
      ...(footprintBytes === undefined ? {} : { footprintBytes }),
    };
  });
  const trimmedFootprintBytes = middle(rounds.map((round) => round.trimmedFootprintBytes));
  return { ...first, segments, ...(trimmedFootprintBytes === undefined ? {} : { trimmedFootprintBytes }) };
}

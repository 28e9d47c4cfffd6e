import type { ReapReport } from "kmem";
import type { Allocation } from "./allocation-list.ts";

/**
 * An allocation that a thread is about to free, resize or split is not in its list any more, and the result is not in
 * it yet: at most two allocations, both blocks of a resize or both parts of a run of pages.
 */
const IN_FLIGHT_MAX = 2;

/** Everything that a report lists. */
export function allocationsOf({ blocks, pageRuns }: ReapReport): Allocation[] {
  return [...blocks.map(({ address }) => ({ address, pageCount: 0 })), ...pageRuns];
}

/** What is wrong with the list of a dead thread's allocations, compared with what the thread itself had noted. */
export function listFaults(report: ReapReport, noted: readonly Allocation[]): string[] {
  const listed = new Set(allocationsOf(report).map(({ address }) => address));
  const known = new Set(noted.map(({ address }) => address));
  const more = [...listed].filter((address) => !known.has(address));
  const fewer = [...known].filter((address) => !listed.has(address));
  return [
    ...(more.length > IN_FLIGHT_MAX ? [`slot ${report.slot}: listed, but not its own: ${more.join(", ")}`] : []),
    ...(fewer.length > 0 ? [`slot ${report.slot}: its own, but not listed: ${fewer.join(", ")}`] : []),
  ];
}

import type { ReapReport } from "kmem";
import type { Piece } from "./ledger.ts";

/**
 * What a thread draws to free, resize or divide is in its ledger no more, and what comes of it not yet: at most two
 * pieces, the two blocks of a resize or the two parts of a run of pages.
 */
const PIECES_IN_FLIGHT = 2;

/** Everything that a report lists. */
export function piecesOf({ blocks, pageRuns }: ReapReport): Piece[] {
  return [...blocks.map(({ address }) => ({ address, pageCount: 0 })), ...pageRuns];
}

/** What is wrong with the list of a dead thread's pieces, beside what the thread itself had written down. */
export function wrongList(report: ReapReport, written: readonly Piece[]): string[] {
  const listed = new Set(piecesOf(report).map(({ address }) => address));
  const known = new Set(written.map(({ address }) => address));
  const more = [...listed].filter((address) => !known.has(address));
  const fewer = [...known].filter((address) => !listed.has(address));
  return [
    ...(more.length > PIECES_IN_FLIGHT ? [`slot ${report.slot}: listed, but not its own: ${more.join(", ")}`] : []),
    ...(fewer.length > 0 ? [`slot ${report.slot}: its own, but not listed: ${fewer.join(", ")}`] : []),
  ];
}

import type { Cell } from "./search.ts";

/** A cell that costs more than so many times its neighbour is a cliff. */
const CLIFF_FACTOR = 20;

/** The value before and the one after one of a list. */
function beside(values: readonly number[], value: number): number[] {
  const at = values.indexOf(value);
  return values.filter((_, index) => Math.abs(index - at) === 1);
}

function sorted(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** A sentence for each cell that costs over 20 times a neighbour: the next size or number of live blocks. */
export function cliffsOf(cells: readonly Cell[]): string[] {
  const sizes = sorted(cells.map(({ sizeBytes }) => sizeBytes));
  const liveCounts = sorted(cells.map(({ liveCount }) => liveCount));
  const key = (pattern: string, sizeBytes: number, liveCount: number): string => `${pattern} ${sizeBytes} ${liveCount}`;
  const workAt = new Map(cells.map((cell) => [key(cell.pattern, cell.sizeBytes, cell.liveCount), cell.work]));
  return cells.flatMap(({ pattern, sizeBytes, liveCount, work }) => {
    const neighbours = [
      ...beside(sizes, sizeBytes).map((size) => key(pattern, size, liveCount)),
      ...beside(liveCounts, liveCount).map((count) => key(pattern, sizeBytes, count)),
    ].flatMap((name) => workAt.get(name) ?? []);
    const least = Math.min(...neighbours);
    if (!(work > CLIFF_FACTOR * least)) return [];
    const figures = `${Math.round(work)} an operation, ${Math.round(least)} beside it`;
    return [`${pattern}, ${sizeBytes} bytes, ${liveCount} live: ${figures}`];
  });
}

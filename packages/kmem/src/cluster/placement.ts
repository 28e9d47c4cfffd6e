import { describeValue, reading, readList } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";

/** Distance of a node to itself, as in the SLIT of ACPI and in Linux. */
export const LOCAL_DISTANCE = 10;
/** Distance between two nodes of which nothing is known. */
export const REMOTE_DISTANCE = 20;
/** The largest distance: 255 means "cannot be reached" in the SLIT, and all memory here can. */
const MAX_DISTANCE = 254;

/** Where a cluster stands in the mesh. */
export interface MeshPoint {
  readonly x: number;
  readonly y: number;
}

/**
 * The numbers of all places, nearest first, of equal ones the lower number first; `distances` holds the distance to
 * each. A search for memory asks them in this order. O(n log n).
 */
export function nearestFirst(distances: readonly number[]): readonly number[] {
  return distances.map((_, place) => place).sort((one, other) => distances[one] - distances[other] || one - other);
}

/** Steps from one cluster to the other in a mesh that is wired along x and along y. */
export function manhattanDistance(from: MeshPoint, to: MeshPoint): number {
  return Math.abs(from.x - to.x) + Math.abs(from.y - to.y);
}

/** The table of distances between `count` nodes of which nothing is known: every other one is equally far. */
export function uniformDistances(count: number): readonly (readonly number[])[] {
  return Array.from({ length: count }, (_, from) =>
    Array.from({ length: count }, (_, to) => (from === to ? LOCAL_DISTANCE : REMOTE_DISTANCE)),
  );
}

/**
 * A copy of a table of distances between `count` nodes: LOCAL_DISTANCE on the diagonal, whole numbers above it up to
 * 254 everywhere else. The way back may have another length. Throws BAD_ARGUMENT for all else.
 */
export function readDistances(distances: unknown, count: number): readonly (readonly number[])[] {
  const rows = rowOf(distances, count);
  if (rows === undefined) {
    throw new KmemError("BAD_ARGUMENT", `distances has a row for each of the ${count} nodes`, { distances });
  }
  return rows.map((row, from) => {
    const copy = rowOf(row, count);
    if (copy === undefined) {
      const text = `row ${from} of distances has a number for each of the ${count} nodes`;
      throw new KmemError("BAD_ARGUMENT", text, { from });
    }
    for (const [to, distance] of copy.entries()) requireDistance(from, to, distance);
    return copy as number[];
  });
}

/** Throws as {@link readDistances} does. */
export function requireDistances(distances: unknown, count: number): void {
  readDistances(distances, count);
}

/** A copy of a list of so many items, undefined for anything else. */
function rowOf(list: unknown, count: number): unknown[] | undefined {
  const isRow = reading("distances", list, () => Array.isArray(list) && list.length === count);
  return isRow ? readList("distances", list) : undefined;
}

function requireDistance(from: number, to: number, distance: unknown): void {
  const isLocal = from === to;
  const isDistance = Number.isInteger(distance) && (distance as number) <= MAX_DISTANCE;
  if (isDistance && (isLocal ? distance === LOCAL_DISTANCE : (distance as number) > LOCAL_DISTANCE)) return;
  const wanted = isLocal ? `is ${LOCAL_DISTANCE}` : `is a whole number from ${LOCAL_DISTANCE + 1} to ${MAX_DISTANCE}`;
  throw new KmemError(
    "BAD_ARGUMENT",
    `the distance from node ${from} to node ${to} ${wanted}, not ${describeValue(distance)}`,
    { from, to, distance },
  );
}

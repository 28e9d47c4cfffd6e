/** A rectangle of a treemap. */
export interface Tile {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The longest side of a row's tiles over their shortest, where the tiles are laid along a side of some length. */
function worstRatio(areas: readonly number[], side: number): number {
  const sum = areas.reduce((total, area) => total + area, 0);
  const depth = sum / side;
  return areas.reduce((worst, area) => Math.max(worst, area / depth ** 2, depth ** 2 / area), 1);
}

/**
 * Divides a rectangle among values, the largest first, into tiles that are as square as can be: row by row along the
 * shorter side of what is left, a row taking more as long as its tiles become squarer by it. Values that are nothing
 * beside the largest may be left with none of it, by rounding. O(values²) at the worst.
 *
 * @param values positive, in descending order.
 */
export function treemap(values: readonly number[], width: number, height: number): Tile[] {
  const total = values.reduce((sum, value) => sum + value, 0);
  const areas = values.map((value) => (value / total) * width * height);
  const tiles: Tile[] = [];
  const left = { x: 0, y: 0, width, height };
  for (let first = 0; first < areas.length; ) {
    const isWide = left.width >= left.height;
    const side = isWide ? left.height : left.width;
    let end = first + 1;
    while (
      end < areas.length &&
      worstRatio(areas.slice(first, end + 1), side) <= worstRatio(areas.slice(first, end), side)
    ) {
      end += 1;
    }
    const row = areas.slice(first, end);
    const rowArea = row.reduce((sum, area) => sum + area, 0);
    const depth = Math.min(rowArea / side, isWide ? left.width : left.height);
    let along = 0;
    for (const area of row) {
      const length = (side * area) / rowArea;
      tiles.push(
        isWide
          ? { x: left.x, y: left.y + along, width: depth, height: length }
          : { x: left.x + along, y: left.y, width: length, height: depth },
      );
      along += length;
    }
    if (isWide) {
      left.x += depth;
      left.width -= depth;
    } else {
      left.y += depth;
      left.height -= depth;
    }
    first = end;
  }
  return tiles;
}

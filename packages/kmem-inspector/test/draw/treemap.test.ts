import { expect, it } from "vitest";
import { treemap } from "../../src/draw/treemap.ts";

const WIDTH = 600;
const HEIGHT = 400;

it("divides a rectangle by the values, without gaps and overlaps", () => {
  const values = [600, 600, 400, 300, 200, 200, 100];
  const tiles = treemap(values, WIDTH, HEIGHT);
  const total = values.reduce((sum, value) => sum + value, 0);
  for (const [place, { x, y, width, height }] of tiles.entries()) {
    expect(width * height).toBeCloseTo((WIDTH * HEIGHT * values[place]!) / total, 6);
    expect([x >= 0, y >= 0, x + width < WIDTH + 1e-6, y + height < HEIGHT + 1e-6]).toEqual([true, true, true, true]);
    for (const other of tiles.slice(0, place)) {
      const isApart =
        x + 1e-6 > other.x + other.width ||
        other.x + 1e-6 > x + width ||
        y + 1e-6 > other.y + other.height ||
        other.y + 1e-6 > y + height;
      expect(isApart).toBe(true);
    }
    expect(Math.max(width / height, height / width)).toBeLessThan(3);
  }
});

it("has no tile outside of it where rounding leaves nothing for the last values", () => {
  const large = [4_122_900_466_827_668, 3_402_308_947_262_028, 3_105_411_965_646_078, 1_560_988_481_112];
  for (const { x, y, width, height } of treemap([...large, 172_614_916, 26_499, 353, 138, 2], WIDTH, HEIGHT)) {
    expect([x, y, width, height].every((side) => side >= 0 && side < WIDTH + 1e-3)).toBe(true);
  }
});

it("has nothing for nothing, and all for one", () => {
  expect(treemap([], WIDTH, HEIGHT)).toEqual([]);
  expect(treemap([5], WIDTH, HEIGHT)).toEqual([{ x: 0, y: 0, width: WIDTH, height: HEIGHT }]);
});

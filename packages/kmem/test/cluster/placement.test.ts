import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LOCAL_DISTANCE,
  manhattanDistance,
  nearestFirst,
  REMOTE_DISTANCE,
  requireDistances,
  uniformDistances,
} from "../../src/cluster/placement.ts";
import { thrownBy } from "../support/expectations.ts";

describe("the order of places", () => {
  it("is by distance, and by number where the distance is the same", () => {
    expect(nearestFirst([])).toEqual([]);
    expect(nearestFirst([10])).toEqual([0]);
    expect(nearestFirst([20, 10, 20])).toEqual([1, 0, 2]);
    expect(nearestFirst([40, 16, 10, 16, 22])).toEqual([2, 1, 3, 4, 0]);
    // Eleven and more: an order by text would put 10 before 2.
    expect(nearestFirst(Array.from({ length: 12 }, () => 7))).toEqual([...Array(12).keys()]);
  });

  it("has every place once, none before a nearer one, and leaves the distances as they are", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 40 }), (distances) => {
        const before = [...distances];
        const order = nearestFirst(distances);
        expect(distances).toEqual(before);
        expect([...order].sort((a, b) => a - b)).toEqual([...distances.keys()]);
        for (let index = 1; index < order.length; index++) {
          const [one, next] = [order[index - 1] as number, order[index] as number];
          const step = (distances[next] as number) - (distances[one] as number);
          expect(step > 0 || (step === 0 && next > one)).toBe(true);
        }
      }),
    );
  });
});

describe("the mesh", () => {
  it("counts steps along x and along y", () => {
    expect(manhattanDistance({ x: 2, y: 3 }, { x: 2, y: 3 })).toBe(0);
    expect(manhattanDistance({ x: 0, y: 5 }, { x: 3, y: 1 })).toBe(7);
    expect(manhattanDistance({ x: 3, y: 1 }, { x: 0, y: 5 })).toBe(7);
  });
});

describe("the table of distances", () => {
  it("is 10 to the node itself and 20 to all others unless told otherwise", () => {
    expect(uniformDistances(1)).toEqual([[LOCAL_DISTANCE]]);
    expect(uniformDistances(3)).toEqual([
      [10, 20, 20],
      [20, 10, 20],
      [20, 20, 10],
    ]);
    expect(REMOTE_DISTANCE).toBe(20);
    expect(() => requireDistances(uniformDistances(5), 5)).not.toThrow();
  });

  it("may have ways of different lengths there and back", () => {
    const table = [
      [10, 11],
      [254, 10],
    ];
    expect(() => requireDistances(table, 2)).not.toThrow();
  });

  it.each([
    ["no table", null, /a row for each of the 2 nodes/],
    ["a row too few", [[10, 20]], /a row for each of the 2 nodes/],
    [
      "a row too many",
      [
        [10, 20],
        [20, 10],
        [20, 20],
      ],
      /a row for each of the 2 nodes/,
    ],
    ["a row that is none", [[10, 20], 7], /row 1 of distances has a number for each of the 2 nodes/],
    ["a short row", [[10, 20], [20]], /row 1 of distances/],
    [
      "another diagonal",
      [
        [10, 20],
        [20, 11],
      ],
      /from node 1 to node 1 is 10, not 11/,
    ],
    [
      "a node as near as itself",
      [
        [10, 10],
        [20, 10],
      ],
      /from node 0 to node 1 is a whole number from 11 to 254, not 10/,
    ],
    [
      "a node that cannot be reached",
      [
        [10, 20],
        [255, 10],
      ],
      /from node 1 to node 0 .* not 255/,
    ],
    [
      "a fraction",
      [
        [10, 20.5],
        [20, 10],
      ],
      /not 20.5/,
    ],
    [
      "NaN",
      [
        [10, Number.NaN],
        [20, 10],
      ],
      /not NaN/,
    ],
    [
      "a text",
      [
        [10, "20"],
        [20, 10],
      ],
      /not "20"/,
    ],
    [
      "a hole",
      [
        [10, undefined],
        [20, 10],
      ],
      /not undefined/,
    ],
  ])("is refused with %s", (_name, table, text) => {
    const error = thrownBy(() => requireDistances(table as never, 2));
    expect(error.code).toBe("BAD_ARGUMENT");
    expect(error.message).toMatch(text);
  });
});

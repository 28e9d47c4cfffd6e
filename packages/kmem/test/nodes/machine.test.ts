import { describe, expect, it } from "vitest";
import { NODE_AREA_BYTES } from "../../src/nodes/layout.ts";
import { heapStart, openAll, requireApart } from "../../src/nodes/machine.ts";
import { thrownBy } from "../support/expectations.ts";
import { PAGE } from "../support/memories.ts";

describe("opening nodes", () => {
  it("opens them in order", () => {
    expect(
      openAll(
        ["a", "b"],
        (name, index) => name + index,
        () => expect.unreachable(),
      ),
    ).toEqual(["a0", "b1"]);
  });

  it("closes those before the one that fails, the last one first", () => {
    const closed: number[] = [];
    const open = (value: number): number => {
      if (value === 4) throw new RangeError("four");
      return value;
    };
    expect(() => openAll([1, 2, 3, 4, 5], open, (value) => closed.push(value))).toThrow(RangeError);
    expect(closed).toEqual([3, 2, 1]);
  });
});

describe("the place of a heap", () => {
  it("is behind the node's area, at a page", () => {
    expect([undefined, 0, 1, PAGE].map((start) => heapStart(start) - NODE_AREA_BYTES)).toEqual([0, 0, PAGE, PAGE]);
    for (const start of [-1, 0.5, Number.NaN, 2 ** 33])
      expect(thrownBy(() => heapStart(start)).code).toBe("BAD_ARGUMENT");
  });

  it("shares no byte with another node's", () => {
    const memory = new SharedArrayBuffer(100);
    const other = new SharedArrayBuffer(100);
    for (const apart of [
      [{}, {}, {}],
      [{ memory }, { memory: other }],
      [
        { memory, end: 50 },
        { memory, start: 50 },
      ],
      [{ memory, start: 50 }, { memory: other }, { memory, end: 50 }],
    ]) {
      expect(() => requireApart(apart)).not.toThrow();
    }
    for (const [over, text] of [
      [[{ memory }, { memory }], "nodes 0 and 1"],
      [[{ memory, end: 50 }, {}, { memory, start: 49 }], "nodes 0 and 2"],
      [[{ memory: other }, { memory, start: 10, end: 20 }, { memory, end: 90 }], "nodes 1 and 2"],
    ] as const) {
      const error = thrownBy(() => requireApart(over));
      expect(error.code).toBe("BAD_ARGUMENT");
      expect(error.message).toContain(text);
    }
  });
});

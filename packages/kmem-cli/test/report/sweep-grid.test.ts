import { describe, expect, it } from "vitest";
import { gridOf, parseSweep, settingOf, sweepValueText } from "../../src/report/sweep-grid.ts";

const MIB = 2 ** 20;

describe("the grid of a sweep", () => {
  it("goes from a value to another by doubling, or through a list", () => {
    expect(parseSweep("memory=4M..20M,slots=1:8:64,exact=0..1")).toEqual([
      { name: "memory", values: [4 * MIB, 8 * MIB, 16 * MIB] },
      { name: "slots", values: [1, 8, 64] },
      { name: "exact", values: [0, 1] },
    ]);
  });

  it.each([
    ["sheep=1", /"sheep" cannot be swept; what can is memory, sheaf, slab, slots, dma, exact/],
    ["slots", /is no name with values/],
    ["slots=1=2", /is no name with values/],
    ["slots=x", /"x" is no whole number/],
    ["slots=8..1", /goes from a value up to another/],
    ["slots=1..2..3", /goes from a value up to another/],
    ["slots=0", /slots goes from 1 to 126, not to 0/],
    ["slots=127", /slots goes from 1 to 126, not to 127/],
    ["sheaf=1..8", /sheaf goes from 2 to 1024, or is 0 for the heap's own choice, not to 1/],
    ["slab=4K:5000", /slab goes from 4096 to 65536 in steps of 4096, or is 0 for the heap's own choice, not to 5000/],
    ["slab=128K", /not to 131072/],
    ["slots=1,slots=2", /each dimension can be swept once/],
  ])("refuses %s", (text, message) => {
    expect(() => parseSweep(text)).toThrow(message);
  });

  it("has sheaves and slabs, as large as they are told or as the heap chooses", () => {
    const dimensions = parseSweep("sheaf=8..64,slab=4K..64K");
    expect(gridOf(dimensions)).toHaveLength(4 * 5);
    expect(settingOf(dimensions, [8, 65_536]).options).toEqual({ sheafBlocks: 8, slabBytes: 65_536 });
    const own = parseSweep("sheaf=0:8,slab=0:4K");
    expect(gridOf(own)[0]).toEqual([0, 0]);
    expect(settingOf(own, [0, 0]).options).toEqual({});
    expect([sweepValueText("sheaf", 0), sweepValueText("slab", 4096)]).toEqual(["own", "4.00 KiB"]);
  });

  it("has every combination, the last dimension going fastest", () => {
    const dimensions = parseSweep("slots=1:2,memory=1M:2M");
    expect(gridOf(dimensions)).toEqual([
      [1, MIB],
      [1, 2 * MIB],
      [2, MIB],
      [2, 2 * MIB],
    ]);
    expect(settingOf(dimensions, [2, MIB])).toEqual({ options: { slotCount: 2 }, memoryBytes: MIB });
    expect([sweepValueText("memory", 2 * MIB), sweepValueText("slots", 8)]).toEqual(["2.00 MiB", "8"]);
  });
});

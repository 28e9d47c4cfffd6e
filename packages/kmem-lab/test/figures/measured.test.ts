import { describe, expect, it } from "vitest";
import { timeTable, traceRows } from "../../src/bench/figures.ts";
import { columnGroups, spreadOf, spreadText, timeCell, timeColumns } from "../../src/figures/measured.ts";
import { sampleTraces } from "../support/sample-figures.ts";

const rounds = (...roundNsPerOp: number[]) => [
  { allocator: "kmem", time: { medianNsPerOp: 10, minNsPerOp: 8, maxNsPerOp: 14, roundNsPerOp } },
];

describe("a time", () => {
  it("is shown with half the distance of its quartiles", () => {
    expect(timeCell(rounds(8, 9, 10, 12, 14), "kmem")).toBe("10.0 ±1.5");
    expect(timeCell(rounds(10), "kmem")).toBe("10.0");
    expect(timeCell(rounds(10), "glibc")).toBe("–");
    expect(spreadOf([8, 9, 10, 12, 14])).toBe(1.5);
    expect([spreadText(0.456, 1.234), spreadText(0.456, 123.4)]).toEqual(["0.46", "0"]);
  });

  it("has its spread in the CSV file", () => {
    expect(timeColumns(rounds(8, 9, 10, 12, 14)[0]!.time)).toEqual([
      "10.000",
      "8.000",
      "9.000",
      "12.000",
      "14.000",
      "1",
    ]);
    expect(timeColumns(undefined)).toEqual(["", "", "", "", "", ""]);
  });
});

describe("a time of the first operations only", () => {
  const cut = rounds(8, 9, 10, 12, 14).map((one) => ({ ...one, time: { ...one.time, coveredShare: 0.03 } }));

  it("is marked, and its share in the CSV file", () => {
    expect(timeCell(cut, "kmem")).toBe("10.0\\* ±1.5");
    expect(timeColumns(cut[0]!.time).at(-1)).toBe("0.0300");
  });
});

describe("the columns of the tables", () => {
  const placed = (name: string, isNative = false) => ({ name, isNative });

  it("are kmem and the native mallocs, and kmem again beside the others", () => {
    const all = [placed("kmem"), placed("kmem-unchecked"), placed("glibc", true), placed("thi.ng"), placed("as-tlsf")];
    expect(columnGroups(all)).toEqual([
      ["kmem", "kmem-unchecked", "glibc"],
      ["kmem", "thi.ng", "as-tlsf"],
    ]);
  });

  it("are one group where there are no others", () => {
    expect(columnGroups([placed("kmem"), placed("glibc", true)])).toEqual([["kmem", "glibc"]]);
  });
});

describe("the tables of the traces", () => {
  it("have a row for each malloc trace and a mean", () => {
    expect(timeTable(sampleTraces(), ["kmem", "glibc"])).toEqual([
      ["ns per operation", "kmem", "glibc"],
      ["one", "5.00", "10.0"],
      ["two", "10.0", "20.0"],
      ["**kmem's time / this one's, geometric mean**", "**1.00**", "**0.50**"],
    ]);
  });

  it("have every figure in the CSV file", () => {
    const rows = traceRows(sampleTraces());
    expect(rows).toHaveLength(1 + 5 + 5 + 1);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  });
});

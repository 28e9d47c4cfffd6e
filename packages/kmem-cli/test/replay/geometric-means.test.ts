import { describe, expect, it } from "vitest";
import { meansOf } from "../../src/replay/geometric-means.ts";
import { meansTable } from "../../src/report/means-table.ts";
import { plain, result, workload } from "../report/support.ts";

const WORKLOADS = [
  workload([result("kmem", 10), result("glibc", 20)]),
  workload([result("kmem", 10), result("glibc", 5)]),
  workload([result("kmem", 10), result("glibc", 40)], { kind: "pages" }),
];

describe("the means", () => {
  it("are geometric, over the workloads of each kind", () => {
    const means = meansOf(WORKLOADS, ["kmem", "glibc"]);
    expect(means.map(({ kind, workloadCount, base }) => [kind, workloadCount, base])).toEqual([
      ["blocks", 2, "kmem"],
      ["pages", 1, "kmem"],
    ]);
    const [blocks, pages] = means.map(({ allocators }) => allocators);
    expect(blocks?.map(({ allocator }) => allocator)).toEqual(["kmem", "glibc"]);
    expect(blocks?.[0]?.baseTimeRatio).toBeCloseTo(1);
    expect(blocks?.[1]?.baseTimeRatio).toBeCloseTo(1);
    expect(pages?.[1]?.baseTimeRatio).toBeCloseTo(0.25);
    expect(blocks?.[0]?.overheadAtPeakPercent).toBeCloseTo(25);
  });

  it("leave out what could not be measured", () => {
    const { time: _, memory: __, ...nothing } = result("glibc", 1);
    const means = meansOf([workload([result("kmem", 10), nothing]), ...WORKLOADS.slice(0, 1)], ["kmem", "glibc"]);
    expect(means[0]?.allocators[1]?.baseTimeRatio).toBeCloseTo(0.5);
    expect(meansOf([workload([nothing])], ["glibc"])[0]?.allocators).toEqual([{ allocator: "glibc" }]);
    expect(meansOf([], ["kmem"])).toEqual([]);
    expect(meansOf(WORKLOADS, [])).toEqual([]);
  });

  it("are a table", () => {
    expect(`\n${meansTable(meansOf(WORKLOADS, ["kmem", "glibc"]), plain())}\n`).toBe(`
geometric means           kmem   glibc
──────────────────────────────────────
malloc traces (2)
  kmem's time / theirs       –    1.00
  overhead at peak      25.0 %  25.0 %
kernel pages (1)
  kmem's time / theirs       –    0.25
  overhead at peak      25.0 %  25.0 %
(a time ratio below 1: kmem is faster)
`);
  });

  it("are a table without ratios where there is nothing to compare", () => {
    const alone = meansTable(meansOf([workload([result("kmem", 10)])], ["kmem"]), plain());
    expect(alone).not.toContain("ratio");
    expect(alone).not.toContain("theirs");
    expect(meansTable([], plain())).toBeUndefined();
  });
});

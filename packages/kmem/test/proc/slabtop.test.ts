import { describe, expect, it } from "vitest";
import type { CacheRow } from "../../src/proc/caches.ts";
import { fixed } from "../../src/proc/format.ts";
import { slabinfoText } from "../../src/proc/slabinfo.ts";
import { SLABTOP_SORTS, type SlabtopSort, slabtopText } from "../../src/proc/slabtop.ts";
import { parseSlabinfo } from "./grammar.ts";
import { sample } from "./samples.ts";

const SORTS = Object.keys(SLABTOP_SORTS) as SlabtopSort[];

describe("slabtop, of the caches of a real kernel", () => {
  it("has the ten criteria of slabtop", () => {
    expect(SORTS.join("")).toBe("abclvnopsu");
  });

  it("prints what slabtop prints, byte for byte", () => {
    expect(slabtopText(parseSlabinfo(sample("6.12-slabinfo")), "o")).toBe(sample("6.12-slabtop-o"));
  });

  it.each(SORTS)("sorts by %s as slabtop does", (sort) => {
    expect(slabtopText(parseSlabinfo(sample("few/slabinfo")), sort)).toBe(sample(`few/slabtop-${sort}`));
  });

  it("counts a cache without an active object as active, and rounds the average object down", () => {
    expect(slabtopText(parseSlabinfo(sample("edges/slabinfo")), "o")).toBe(sample("edges/slabtop-o"));
  });

  it("tells active slabs from slabs", () => {
    const [a, b] = parseSlabinfo(sample("few/slabinfo")).slice(0, 2) as [CacheRow, CacheRow];
    const rows = [
      { ...a, slabs: 2, activeSlabs: 2 },
      { ...b, slabs: 9, activeSlabs: 1 },
    ];
    const first = (sort: SlabtopSort): string => slabtopText(rows, sort).split("\n")[7]!.trimEnd().split(" ").at(-1)!;
    expect([first("v"), first("l")]).toEqual([a.name, b.name]);
    expect(slabtopText(rows, "o")).toContain("Active / Total Slabs (% used)      : 3 / 11 (27.3%)\n");
  });

  it("has zeros where there is no cache", () => {
    expect(slabtopText([], "o").split("\n").slice(0, 5)).toEqual([
      " Active / Total Objects (% used)    : 0 / 0 (0.0%)",
      " Active / Total Slabs (% used)      : 0 / 0 (0.0%)",
      " Active / Total Caches (% used)     : 0 / 0 (0.0%)",
      " Active / Total Size (% used)       : 0.00K / 0.00K (0.0%)",
      " Minimum / Average / Maximum Object : 0.00K / 0.00K / 0.00K",
    ]);
  });
});

describe("slabinfo, of the caches of a real kernel", () => {
  it.each(["5.10", "6.12"])("prints what Linux %s printed, byte for byte", (release) => {
    const text = sample(`${release}-slabinfo`);
    expect(slabinfoText(parseSlabinfo(text))).toBe(text);
  });
});

describe("numbers with decimals", () => {
  it("are rounded as printf does, from the middle to the even digit", () => {
    const texts = [0.125, 0.375, 0.625, 0.875, 2.125, 4.625, 1.005, 0.126].map((value) => fixed(value, 2));
    expect(texts).toEqual(["0.12", "0.38", "0.62", "0.88", "2.12", "4.62", "1.00", "0.13"]);
    expect([0.25, 0.75, 99.95, 50, 0.05].map((value) => fixed(value, 1))).toEqual([
      "0.2",
      "0.8",
      "100.0",
      "50.0",
      "0.1",
    ]);
  });
});

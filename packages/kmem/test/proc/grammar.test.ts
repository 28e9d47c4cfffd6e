import { describe, expect, it } from "vitest";
import { parseBuddyinfo, parseMeminfo, parseSlabinfo, parseVmallocinfo } from "./grammar.ts";
import { sample } from "./samples.ts";

// What reads the reports of a real kernel reads ours in the other tests.
describe("the grammar of the tests takes what a real kernel printed", () => {
  it.each(["5.10", "6.12"])("slabinfo of Linux %s", (release) => {
    const rows = parseSlabinfo(sample(`${release}-slabinfo`));
    expect(rows.length).toBe(release === "6.12" ? 178 : 121);
    expect(rows.find(({ name }) => name === "kmalloc-64")?.objectBytes).toBe(64);
  });

  it.each(["5.10", "6.12"])("buddyinfo of Linux %s", (release) => {
    expect(parseBuddyinfo(sample(`${release}-buddyinfo`)).map(({ zone }) => zone)).toEqual(["DMA", "DMA32"]);
  });

  it("vmallocinfo of Linux 6.12", () => {
    const lines = parseVmallocinfo(sample("6.12-vmallocinfo"));
    expect(lines.length).toBe(sample("6.12-vmallocinfo").trim().split("\n").length);
    for (const { start, end, sizeBytes, kind, pageCount, nodes } of lines) {
      expect(Number(end - start)).toBe(sizeBytes);
      if (kind !== "vmalloc" || pageCount === undefined) continue;
      expect(sizeBytes).toBe((pageCount + 1) * 4096);
      expect(nodes).toEqual([pageCount]);
    }
    expect(new Set(lines.map(({ kind }) => kind))).toContain("unpurged vm_area");
  });

  it.each(["5.10", "6.12"])("meminfo of Linux %s", (release) => {
    const lines = parseMeminfo(sample(`${release}-meminfo`));
    expect(lines.get("VmallocTotal")).toBe(34_359_738_367);
    expect(lines.get("HugePages_Total")).toBe(0);
  });
});

describe("the grammar of the tests refuses", () => {
  it("a column that is too narrow or too wide", () => {
    const slabs = sample("6.12-slabinfo");
    expect(() => parseSlabinfo(slabs.replace(/^(kmalloc-64) /m, "$1"))).toThrow("the columns are not the kernel's");
    const free = sample("6.12-buddyinfo");
    expect(() => parseBuddyinfo(free.replace("DMA32  ", "DMA32 "))).toThrow("the columns are not the kernel's");
    const areas = sample("6.12-vmallocinfo");
    expect(() => parseVmallocinfo(areas.replace("   20480 ", "  20480 "))).toThrow("the columns are not the kernel's");
    const memory = sample("6.12-meminfo");
    expect(() => parseMeminfo(memory.replace("Slab:  ", "Slab: "))).toThrow("the columns are not the kernel's");
  });

  it("a blank that is missing, and what follows a line", () => {
    const free = sample("6.12-buddyinfo");
    expect(() => parseBuddyinfo(free.replaceAll(" \n", "\n"))).toThrow("not a line");
    expect(() => parseSlabinfo(`${sample("6.12-slabinfo")}\n`)).toThrow("not a line");
    expect(() => parseMeminfo(sample("6.12-meminfo").trimEnd())).toThrow("does not end");
    expect(() => parseVmallocinfo(sample("6.12-vmallocinfo").replaceAll("\n", " \n"))).toThrow("not a line");
  });
});

import { styleFor } from "kmem-cli/internal/system/terminal";
import { describe, expect, it } from "vitest";
import { millions, ratioText, threadContendersText, threadsText } from "../../src/threads/threads-text.ts";
import { sampleReport } from "./report-sample.ts";

const style = styleFor({}, {});

describe("the text of a report of threads", () => {
  it("has a table for each number of threads, with the spread", () => {
    const lines = threadsText(sampleReport(), style).split("\n");
    const local = lines.filter((line) => line.startsWith("local  "));
    expect(local.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["local", "50.0 (50.0–50.0)", "40.0 (40.0–40.0)"],
      ["local", "90.0 (90.0–90.0)", "78.5 (78.5–78.5)"],
    ]);
    expect(lines.filter((line) => /^(1 thread|2 threads) +kmem +glibc$/.test(line))).toHaveLength(2);
    expect(lines.find((line) => /^xmalloc .*failed$/.test(line))).toMatch(/30\.0/);
  });

  it("says what the workloads are, and which goal is missed", () => {
    const text = threadsText(sampleReport(), style);
    expect(text).toContain("\n  xmalloc: to another");
    expect(text).toMatch(/^local: 2 threads \/ 1 thread +at least 1\.9 +1\.80 \(missed\)$/m);
    expect(text).toMatch(/^xmalloc: 2 threads \/ 1 thread +at least 1 +1\.50$/m);
    expect(text).toMatch(/^xmalloc, 2 threads: kmem \/ glibc +at least 1 +–$/m);
  });

  it("names the allocators, and why one is missing", () => {
    const { allocators, absent } = sampleReport();
    expect(threadContendersText(allocators, absent, style).split("\n")).toEqual([
      "allocators",
      "  kmem      1",
      "  glibc     2",
      "  mimalloc  not here: no libmimalloc is installed",
    ]);
  });

  it("gives rates in millions and ratios with two digits", () => {
    expect([millions(123_456_789), millions(1_234_567), ratioText(1.996), ratioText(undefined)]).toEqual([
      "123",
      "1.23",
      "2.00",
      "–",
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { exportedCsv, exportedMarkdown } from "../../src/report/exported-table.ts";
import { result, trace, workload } from "./support.ts";

const report = {
  traces: [
    trace('a "b", c', workload([result("kmem", 10.123456), { allocator: "x|y", error: "time: it\nbroke" }])),
    trace("pages", workload([result("kmem", 7)], { kind: "pages", opCount: 12 })),
  ],
};

describe("exported results", () => {
  it("are all figures as CSV, a row for each allocator at each workload", () => {
    const [header, first, second, third] = exportedCsv(report).split(/\n(?=a|"a|pages|$)/);
    expect(header).toMatch(/^trace,workload,operations,allocator,median_ns_per_op,min_ns_per_op,/);
    expect(first).toBe(
      '"a ""b"", c",blocks,123456,kmem,10.123456,9.1111104,12.148147199999999,1,9437184,10485760,10,4194304,5242880,' +
        "25,0,,,,",
    );
    expect(second).toBe('"a ""b"", c",blocks,123456,x|y,,,,,,,,,,,,,,,"time: it\nbroke"');
    expect(third).toMatch(/^pages,pages,12,kmem,7,/);
  });

  it("are a table in Markdown, without the columns that have nothing", () => {
    const lines = exportedMarkdown(report).trimEnd().split("\n");
    expect(lines[0]).toBe(
      "| trace | workload | operations | allocator | median ns per op | min ns per op | max ns per op | rounds | " +
        "requested bytes | allocated bytes | internal fragmentation percent | " +
        "peak live bytes | peak footprint bytes | " +
        "overhead at peak percent | failed allocations | error |",
    );
    expect(lines[1]).toMatch(/^\| :--- \| :--- \| ---: \| :--- \| ---: /);
    expect(lines[2]).toContain('| a "b", c | blocks | 123,456 | kmem | 10.12 | 9.111 | 12.15 | 1 | 9,437,184 |');
    expect(lines[3]).toContain("| x\\|y |");
    expect(lines[3]).toContain("| time: it broke |");
    expect(new Set(lines.map((line) => line.replaceAll("\\|", "").split("|").length)).size).toBe(1);
  });
});

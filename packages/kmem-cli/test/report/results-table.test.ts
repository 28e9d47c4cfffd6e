import { describe, expect, it } from "vitest";
import { resultsTable } from "../../src/report/results-table.ts";
import { styleFor } from "../../src/system/terminal.ts";
import { plain, result, trace, workload } from "./support.ts";

const TWO = [
  trace("app", workload([result("kmem", 9.876), result("glibc", 12.345)])),
  trace("boot", workload([result("kmem", 100)], { kind: "pages", opCount: 7 })),
];

describe("the table of results", () => {
  it("has all columns where there is room", () => {
    expect(`\n${resultsTable(TWO, plain())}\n`).toBe(`
                                                               internal      peak       peak  overhead  failed
allocator  operations  ns/op    min–max  requested  allocated     frag.      live  footprint   at peak  allocs
──────────────────────────────────────────────────────────────────────────────────────────────────────────────
app
  kmem        123,456   9.88  8.89–11.9   9.00 MiB   10.0 MiB    10.0 %  4.00 MiB   5.00 MiB    25.0 %       0
  glibc       123,456   12.3  11.1–14.8   9.00 MiB   10.0 MiB    10.0 %  4.00 MiB   5.00 MiB    25.0 %       0
boot, pages
  kmem              7    100   90.0–120   9.00 MiB   10.0 MiB    10.0 %  4.00 MiB   5.00 MiB    25.0 %       0
`);
  });

  it("says in the headings what has no column on 80 columns", () => {
    expect(`\n${resultsTable(TWO, plain(80))}\n`).toBe(`
                                        internal       peak  overhead  failed
allocator  ns/op    min–max  allocated     frag.  footprint   at peak  allocs
─────────────────────────────────────────────────────────────────────────────
app
  123,456 operations, 9.00 MiB requested, 4.00 MiB live at peak
  kmem      9.88  8.89–11.9   10.0 MiB    10.0 %   5.00 MiB    25.0 %       0
  glibc     12.3  11.1–14.8   10.0 MiB    10.0 %   5.00 MiB    25.0 %       0
boot, pages
  7 operations, 9.00 MiB requested, 4.00 MiB live at peak
  kmem       100   90.0–120   10.0 MiB    10.0 %   5.00 MiB    25.0 %       0
`);
  });

  it.each([80, 120])("fits %d columns with the widest figures", (columns) => {
    const wide = result("tcmalloc", 1234.5, {
      time: { medianNsPerOp: 1234, minNsPerOp: 1111, maxNsPerOp: 2222, roundNsPerOp: [] },
    });
    const text = resultsTable([trace("a".repeat(40), workload([wide], { opCount: 5_000_000 }))], plain(columns));
    for (const line of text!.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it("leaves out the columns of time when nothing was timed", () => {
    const { time: _, ...untimed } = result("kmem", 1);
    const text = resultsTable([trace("app", workload([untimed]))], plain());
    expect(text).not.toContain("ns/op");
    expect(text).toContain("allocated");
  });

  it("shows what broke and what was refused", () => {
    const broken = { allocator: "glibc", error: "time: was ended by SIGSEGV" };
    const refused = result("kmem", 5, { memory: { ...result("kmem", 5).memory!, failureCount: 1234 } });
    const lines = resultsTable([trace("app", workload([refused, broken]))], plain())!.split("\n");
    expect(lines.find((line) => line.includes("kmem"))).toMatch(/1,234$/);
    expect(lines.find((line) => line.includes("glibc"))).toMatch(/broke +– +– .*–$/);
  });

  it("notes caches that an allocator could not make", () => {
    const memory = { ...result("kmem", 5).memory!, substituteCacheCount: 3 };
    const text = resultsTable([trace("boot", workload([result("kmem", 5, { memory })], { kind: "objects" }))], plain());
    expect(text).toMatch(/\(boot, objects: kmem could not make 3 slab caches; their objects came from its general/);
  });

  it("marks the fastest with a colour on a terminal", () => {
    const style = styleFor({ isTTY: true, columns: 120 }, {});
    const text = resultsTable(TWO, style)!;
    expect(text).toContain(style.colors.green("9.88"));
    expect(text).not.toContain(style.colors.green("12.3"));
    expect(text).toContain(style.colors.bold("boot, pages"));
  });

  it("is not there without workloads", () => {
    expect(resultsTable([trace("app")], plain())).toBeUndefined();
  });
});

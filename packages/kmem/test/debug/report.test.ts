import { describe, expect, it } from "vitest";
import type { BugReport } from "../../src/debug/index.ts";
import { BugReport as Report } from "../../src/debug/report.ts";
import { framesOf } from "../../src/debug/stack.ts";
import { checkHeap } from "../../src/index.ts";
import { Bench, fromObject, steadyText } from "./bench.ts";

/** A whole report, its addresses those of this object. */
function written(bench: Bench, object: number): string[] {
  const [report] = bench.reports.splice(0) as [BugReport];
  const slab = report.block?.slab?.address ?? 0;
  const text = steadyText(report).replace(`Slab 0x${slab.toString(16)}`, "Slab SLAB");
  return fromObject(text, object)
    .replaceAll(/@offset=(\d+)/g, (_, offset: string) => `@offset=SLAB+${slab + Number(offset) - object}`)
    .split("\n");
}

describe("a report", () => {
  it("of a write behind an object is SLUB's, whole", () => {
    const bench = new Bench();
    const { heap } = bench;
    const object = heap.alloc(18);
    bench.bytes.set([0xab, 0xcd], object + 18);
    heap.free(object);
    expect(written(bench, object)).toEqual([
      "[kmalloc Redzone overwritten] object+18-object+19 @offset=SLAB+18. First byte 0xab instead of 0xcc",
      "=============================================================================",
      "BUG kmalloc-32: Object corrupt",
      "-----------------------------------------------------------------------------",
      "",
      "Allocated in caller age=0 slot=0",
      "Slab SLAB objects=42 used=42",
      "Object object+0 @offset=SLAB+0 size=18",
      "First bad byte: 0 bytes right of the object",
      "",
      "Redzone  object-16: cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc  ................",
      "Object   object+0: 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b  kkkkkkkkkkkkkkkk",
      "Object   object+16: 6b a5                                            k.",
      "Redzone  object+18: ab cd cc cc cc cc cc cc cc cc cc cc cc cc        ..............",
      "                   ^^ ^^",
      "Found in",
      "\tat caller",
      "FIX kmalloc-32: Restoring kmalloc Redzone object+18-object+19=0xcc",
    ]);
  });

  it("of a second free is SLUB's, whole", () => {
    const bench = new Bench();
    const { heap } = bench;
    const cache = heap.createCache({ name: "twice", sizeBytes: 64 });
    const object = cache.alloc();
    cache.free(object);
    expect(() => cache.free(object)).toThrow("BUG twice: Object already free");
    expect(written(bench, object)).toEqual([
      "=============================================================================",
      "BUG twice: Object already free",
      "-----------------------------------------------------------------------------",
      "",
      "Allocated in caller age=0 slot=0",
      "Freed in caller age=0 slot=0",
      "Slab SLAB objects=28 used=28",
      "Object object+0 @offset=SLAB+0 size=64",
      "Found in",
      "\tat caller",
      "FIX twice: Object at object+0 not freed",
    ]);
  });

  it("of a large block, which has no slab, shows the first and the bad part of it", () => {
    const bench = new Bench();
    const { heap } = bench;
    const object = heap.alloc(100_000);
    heap.free(object);
    bench.bytes[object + 50_000] = 1;
    heap.trim();
    const text = steadyText(bench.reports[0] as BugReport);
    expect(text).toContain("BUG kmalloc-large: Object corrupt");
    expect(text).toContain("First bad byte: 50000 bytes inside of the object");
    expect(text).not.toContain("Slab 0x");
    expect(text).toMatch(/Object {3}[0-9a-f]{8}: 01( 6b| {3})/);
  });

  it("names the functions that allocated, freed and found, the innermost first", () => {
    const bench = new Bench({ stackDepth: 2 });
    const { heap } = bench;
    const maker = (): number => heap.alloc(64);
    const eraser = (address: number): void => heap.free(address);
    const object = maker();
    eraser(object);
    bench.bytes[object] = 0;
    const finder = (): number => heap.trim();
    finder();
    const [report] = bench.reports as [BugReport];
    expect(framesOf(report.block?.allocated?.stack ?? "")[0]).toMatch(/^at maker \(/);
    expect(framesOf(report.block?.freed?.stack ?? "")[0]).toMatch(/^at eraser \(/);
    expect(framesOf(report.stack)[0]).toMatch(/^at finder \(/);
    expect(framesOf(report.stack)).toHaveLength(2);
    expect(report.text()).toMatch(/^Allocated in maker \(.*\) age=\d+ slot=0$/m);
  });

  it("says in one line what is wrong, and all it knows as JSON", () => {
    const bench = new Bench();
    const { heap } = bench;
    const object = heap.alloc(64);
    bench.bytes[object - 3] = 0x41;
    heap.free(object);
    const [report] = bench.reports as [BugReport];
    const at = `0x${object.toString(16)}`;
    expect(report.title).toBe(
      `BUG kmalloc-64: Left Redzone overwritten, 3 bytes left of the object, object ${at} of 64 bytes`,
    );
    const facts = JSON.parse(JSON.stringify(report));
    expect(facts).toMatchObject({ title: report.title, cache: "kmalloc-64", reason: "Object corrupt" });
    expect(facts.bytes).toMatchObject({
      what: "Left Redzone",
      from: object - 3,
      to: object - 2,
      found: 0x41,
      expected: 0xcc,
    });
    expect(facts.block).toMatchObject({ address: object, sizeBytes: 64, state: "LIVE" });
  });

  it("says that who allocated is not known, without the letter U", () => {
    const bench = new Bench({ debug: "FZ" });
    const object = bench.heap.alloc(64);
    bench.bytes[object + 64] = 0;
    bench.heap.free(object);
    expect(bench.texts()[0]).toContain("Allocated in <not-available> age=0 slot=0\n");
  });

  it("has as much as there is to say", () => {
    const report = new Report({
      cache: "c",
      reason: "r",
      bytes: undefined,
      address: 1,
      block: undefined,
      dump: [],
      stack: "",
      fix: undefined,
    });
    expect(report.text().split("\n")).toEqual(["=".repeat(77), "BUG c: r", "-".repeat(77), ""]);
    expect([report.title, `${report}`]).toEqual(["BUG c: r", report.text()]);
  });
});

describe("a heap that finds a corruption", () => {
  it("throws the report where it is to panic", () => {
    const { heap, reports } = new Bench({ panic: true });
    const object = heap.alloc(64);
    new Uint8Array(heap.buffer)[object + 64] = 0;
    expect(() => heap.free(object)).toThrow(expect.objectContaining({ code: "CORRUPTION" }));
    expect(reports).toHaveLength(1);
  });

  it("puts right what it has reported, and reports it once", () => {
    const bench = new Bench();
    const { heap } = bench;
    const object = heap.alloc(64);
    bench.bytes[object + 64] = 0;
    expect([heap.validate(), heap.validate()]).toEqual([1, 0]);
    heap.free(object);
    expect(bench.texts()).toHaveLength(1);
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("prints each alloc and free, with the letter T", () => {
    const bench = new Bench({ debug: "T" });
    const object = bench.heap.alloc(64);
    bench.heap.free(object);
    const at = object.toString(16);
    const [first, second] = bench.printed.map((text) => text.split("\n")[0]);
    expect(first).toMatch(new RegExp(`^TRACE kmalloc-64 alloc 0x${at} slabs=\\d+$`));
    expect(second).toMatch(new RegExp(`^TRACE kmalloc-64 free 0x${at} slabs=\\d+$`));
  });
});

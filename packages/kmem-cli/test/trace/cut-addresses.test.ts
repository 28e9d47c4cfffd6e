import { describe, expect, it } from "vitest";
import { BrokenLog } from "../../src/trace/broken-log.ts";
import type { KernelEventSink } from "../../src/trace/kernel-events.ts";
import { KernelTraceReader } from "../../src/trace/kernel-trace.ts";
import { cutLine, ftraceLine, PERF_EVENTS, perfLine, SIX_EVENTS } from "./six-events.ts";
import { bytesOf, readKernelLines } from "./support.ts";

const PERF_ALLOC =
  "prog   171 [000]     4.366667: kmem:kmalloc: call_site=a+0x1 ptr=0xffff888101aee200 bytes_req=100 bytes_alloc=128 gfp_flags=GFP_KERNEL";
const PPC_ALLOC = PERF_ALLOC.replace("0xffff888101aee200", "0xc000000fcd646360");
const S390_ALLOC = PERF_ALLOC.replace("0xffff888101aee200", "0x8a1c000");
const HASHED_ALLOC =
  "prog-171     [000] .....     4.366667: kmalloc: call_site=a+0x1/0x2 ptr=00000000a1b2c3d4 bytes_req=100 bytes_alloc=128 gfp_flags=GFP_KERNEL";
const ALLOC_32 = HASHED_ALLOC.replace("00000000a1b2c3d4", "c147dd20");

const perfFree = (pointer: string): string =>
  `prog   171 [000]     4.366669: kmem:kfree: call_site=a+0x1 ptr=${pointer}`;
const free = (pointer: string): string =>
  `prog-171     [000] .....     4.366669: kfree: call_site=a+0x1/0x2 ptr=${pointer}`;

const WRAPPED = "an address or a number is cut by a wrapped line";
const CUT = "kfree: ptr= is cut off";

describe("an address that was cut", () => {
  it.each([
    ["by a wrapped line", [PERF_ALLOC, perfFree("0xffff8881"), "01aee200"], 2, WRAPPED],
    ["by a wrapped line, in a quote", [PERF_ALLOC, `> ${perfFree("0xffff8881")}`, "> 01aee200"], 2, WRAPPED],
    ["behind its 0x", [PERF_ALLOC, perfFree("0x"), "ffff888101aee200"], 2, WRAPPED],
    ["before its x", [PERF_ALLOC, perfFree("0"), "xffff888101aee200"], 2, WRAPPED],
    [
      "with another field behind it",
      [perfFree("0xf").replace("kfree", "kmem_cache_free"), "fff888101aee200 name"],
      1,
      WRAPPED,
    ],
    ["on PowerPC", [PPC_ALLOC, perfFree("0xc000000f"), "cd646360"], 2, WRAPPED],
    ["within a hash", [HASHED_ALLOC, free("00000000"), "a1b2c3d4"], 2, WRAPPED],
    ["by the end of its line", [PERF_ALLOC, perfFree("0xffff8881")], 2, CUT],
    ["by one digit", [PERF_ALLOC, perfFree("0xffff888101aee20"), perfFree("(nil)")], 2, CUT],
    ["where nothing is beside it", [perfFree("0xffff8881")], 1, CUT],
    ["beside longer ones", [PPC_ALLOC, perfFree("0xc000000f")], 2, CUT],
    ["to what looks like null", [HASHED_ALLOC, free("00000000")], 2, CUT],
    ["to eight digits of sixteen", [free("ffff8881")], 1, CUT],
    ["and joined by a blank", [PERF_ALLOC.replace("8881", "8881 ")], 1, "kmalloc: ptr= is cut off"],
  ])("%s is a broken line", (_, lines, position, reason) => {
    const { broken, matcher } = readKernelLines(...lines);
    expect(broken.first.map((line) => [line.position, line.reason])).toEqual([[position, reason]]);
    const { kfree, cacheFree } = matcher.objectCounts();
    expect(kfree.freeCount + cacheFree.freeCount).toBe(0);
  });

  it.each([
    ["of 32 bits", [ALLOC_32, free("c147dd20")], 1, 0],
    ["of 32 bits, above a call chain", [ALLOC_32, free("c147dd20"), "        c104deff"], 1, 0],
    [
      "of 32 bits, the first of a trace, above a call chain",
      [perfFree("0xc147dd20"), "        c104deff a ([k])"],
      0,
      1,
    ],
    ["of s390, where widths differ", [S390_ALLOC, perfFree("0x8a1c000"), perfFree("0x18a1c0000")], 1, 1],
    ["that kmalloc(0) answers", [PERF_ALLOC, perfFree("0x10")], 0, 1],
  ])("is not one %s", (_, lines, matchedCount, unknownCount) => {
    const { broken, matcher } = readKernelLines(...lines);
    expect(broken.count).toBe(0);
    expect(matcher.objectCounts().kfree).toMatchObject({ matchedCount, unknownCount });
  });

  it.each([
    ["a page frame", "mm_page_alloc: page=00000000d2be5665 pfn=0x12", "a4f order=1 migratetype=0 gfp_flags=GFP_KERNEL"],
    ["a size", `${HASHED_ALLOC.slice(0, HASHED_ALLOC.indexOf("100") + 2)}`, "0 bytes_alloc=128 gfp_flags=GFP_KERNEL"],
  ])("is like %s", (_, first, second) => {
    const { broken, ops, counts } = readKernelLines(first, second);
    expect(broken.countByReason).toEqual({ [WRAPPED]: 1 });
    expect(ops).toEqual([]);
    expect(counts.lines.continuation).toBe(1);
  });

  it("is unlike a call site, of which nothing depends", () => {
    const [before, behind] = HASHED_ALLOC.replace("a+0x1/0x2", "ffffffff81234567").split("234567") as [string, string];
    const { broken, ops } = readKernelLines(before, `234567${behind}`);
    expect(broken.count).toBe(0);
    expect(ops).toHaveLength(1);
  });
});

/** The events of a text, each as a string. */
function eventsOf(text: string): string[] {
  const events: string[] = [];
  const note =
    (name: string) =>
    (...values: number[]): void => {
      events.push(`${name} ${values.join(" ")}`);
    };
  // Names of caches may be cut: they are no part of what an event is.
  const sink: KernelEventSink = {
    kmalloc: note("kmalloc"),
    kfree: note("kfree"),
    cacheAlloc: (high, low, _, requested, allocated) => note("cacheAlloc")(high, low, requested, allocated),
    cacheFree: (high, low) => note("cacheFree")(high, low),
    pageAlloc: note("pageAlloc"),
    pageFree: note("pageFree"),
  };
  const reader = new KernelTraceReader(sink, new BrokenLog());
  reader.push(bytesOf(text));
  reader.end();
  return events;
}

describe("a text that was cut into columns", () => {
  const LINES = [...SIX_EVENTS.map(ftraceLine), ...PERF_EVENTS.map(perfLine)];

  it("never gives an event that was not in it, whatever the width", () => {
    const known = new Set(eventsOf(LINES.join("\n")));
    expect(known.size).toBe(10);
    for (let columns = 12; columns <= 180; columns += 1) {
      const wrong = eventsOf(LINES.map((line) => cutLine(line, columns)).join("\n")).filter(
        (event) => !known.has(event),
      );
      expect([columns, wrong]).toEqual([columns, []]);
    }
  });

  it("gives all of them once the columns are wide enough", () => {
    const all = eventsOf(LINES.join("\n"));
    expect(eventsOf(LINES.map((line) => cutLine(line, 250)).join("\n"))).toEqual(all);
  });
});

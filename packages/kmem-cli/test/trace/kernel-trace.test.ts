import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchPercent } from "../../src/trace/free-match.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { OpModel } from "./op-model.ts";
import { bytesOf, cutAt, readKernelChunks, readKernelLines } from "./support.ts";

const TASK = "            init-1       [000] .....     4.241525: ";
const SIZES = "bytes_req=96 bytes_alloc=104 gfp_flags=GFP_KERNEL node=-1 accounted=false";

describe("kernel text, kernel by kernel", () => {
  it("reads 6.12", () => {
    const { ops, broken, counts } = readKernelLines(
      "# tracer: nop",
      `${TASK}kmalloc: call_site=f+0x1/0x2 ptr=ffff8d98c2e6f400 ${SIZES}`,
      `${TASK}kmem_cache_alloc: call_site=f+0x1/0x2 ptr=ffff8d98c2e6f500 ${SIZES}`,
      `${TASK}mm_page_alloc: page=fffff0aac0077000 pfn=0x1dc0 order=1 migratetype=0 gfp_flags=GFP_KERNEL|__GFP_ZERO`,
      `${TASK}kfree: call_site=f+0x1/0x2 ptr=ffff8d98c2e6f400`,
      `${TASK}kmem_cache_free: call_site=f+0x1/0x2 ptr=ffff8d98c2e6f500 name=filp`,
      `${TASK}mm_page_free: page=fffff0aac0077000 pfn=0x1dc0 order=1`,
      `${TASK}mm_page_free_batched: page=fffff0aac0077000 pfn=0x1dc0 order=0`,
    );
    expect(broken.count).toBe(0);
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 96, 0],
      [OP.CACHE_ALLOC, 0, 1, 96, 0],
      [OP.PAGE_ALLOC, 0, 2, 1, 0],
      [OP.FREE, 0, 0, 96, 0],
      [OP.CACHE_FREE, 0, 1, 96, 0],
      [OP.PAGE_FREE, 0, 2, 2, 0],
    ]);
    expect(counts.lines).toMatchObject({ total: 8, kmemEvent: 7, comment: 1 });
    expect(counts.events).toEqual({
      kmalloc: 1,
      kfree: 1,
      kmem_cache_alloc: 1,
      kmem_cache_free: 1,
      mm_page_alloc: 1,
      mm_page_free: 1,
      mm_page_free_batched: 1,
    });
  });

  it("reads 6.1 without hashed pointers, where all strings are empty (point 1)", () => {
    const empty = "bytes_req=8392 bytes_alloc=8448 gfp_flags= node=-1 accounted=true";
    const { ops, broken, matcher, reader } = readKernelLines(
      `${TASK}kmem_cache_alloc: call_site=copy_process+0x20e/0x1ae0 ptr=ffff8e8d0270a100 ${empty}`,
      `${TASK}mm_page_alloc: page=fffff8f4c04fe4c0 pfn=0x13f93 order=0 migratetype=0 gfp_flags=`,
      `${TASK}kmem_cache_free: call_site=__fput+0x100/0x250 ptr=ffff8e8d0270a100 name=`,
    );
    expect(broken.count).toBe(0);
    expect(ops.map(([code]) => code)).toEqual([OP.CACHE_ALLOC, OP.PAGE_ALLOC, OP.CACHE_FREE]);
    expect(matcher.registry.caches(reader.cacheNames)).toEqual([
      { objectBytes: 8392, allocBytes: 8448, name: undefined, aliases: [], allocCount: 1 },
    ]);
  });

  it("reads 7.2, where an allocation names its cache (point 2)", () => {
    const { matcher, reader, ops } = readKernelLines(
      `${TASK}kmem_cache_alloc: call_site=f+0x1/0x2 ptr=ffff8ac40271b200 name=task_exec_state ${SIZES}`,
      `${TASK}kmem_cache_alloc: call_site=f+0x1/0x2 ptr=ffff8ac40271b300 name=a name ${SIZES}`,
      `${TASK}kmem_cache_alloc: call_site=f+0x1/0x2 ptr=ffff8ac40271b400 name=task_exec_state ${SIZES}`,
      `${TASK}kmem_cache_free: call_site=f+0x1/0x2 ptr=ffff8ac40271b300 name=a name`,
    );
    expect(matcher.registry.caches(reader.cacheNames)).toEqual([
      { objectBytes: 96, allocBytes: 104, name: "task_exec_state", aliases: [], allocCount: 2 },
      { objectBytes: 96, allocBytes: 104, name: "a name", aliases: [], allocCount: 1 },
    ]);
    expect(ops.map(([, , , , cacheId]) => cacheId)).toEqual([0, 1, 0, 1]);
  });

  it("reads 5.10, with fewer fields and with events for nodes (point 2)", () => {
    const task = "            init-1       [001] ....     4.242250: ";
    const { ops, broken, counts } = readKernelLines(
      `${task}kmem_cache_alloc_node: call_site=f+0x1/0x2 ptr=ffff8a3ab621d000 bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL node=-1`,
      `${task}kmalloc_node: call_site=f+0x1/0x2 ptr=ffff8a3ab621d100 bytes_req=16 bytes_alloc=16 gfp_flags=GFP_KERNEL node=-1`,
      `${task}kmem_cache_alloc: call_site=f+0x1/0x2 ptr=ffff8a3ab621d200 bytes_req=24 bytes_alloc=24 gfp_flags=GFP_KERNEL`,
      `${task}kmem_cache_free: call_site=f+0x1/0x2 ptr=ffff8a3ab621d200`,
    );
    expect(broken.count).toBe(0);
    expect(ops.map(([code]) => code)).toEqual([OP.CACHE_ALLOC, OP.MALLOC, OP.CACHE_ALLOC, OP.CACHE_FREE]);
    expect(counts.events).toMatchObject({ kmem_cache_alloc_node: 1, kmalloc_node: 1, kmem_cache_alloc: 1 });
  });

  it("reads the oldest forms: bare addresses, decimal page frames, 32-bit pointers", () => {
    const { ops, broken } = readKernelLines(
      `${TASK}kmalloc: call_site=c104deff ptr=c147dd20 bytes_req=29 bytes_alloc=32 gfp_flags=GFP_KERNEL`,
      `${TASK}mm_page_alloc: page=c1e5a000 pfn=20480 order=2 migratetype=0 gfp_flags=GFP_KERNEL`,
      `${TASK}mm_page_free: page=c1e5a000 pfn=0x5000 order=2`,
      `${TASK}kfree: call_site=c104deff ptr=  (null)`,
    );
    expect(broken.count).toBe(0);
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 29, 0],
      [OP.PAGE_ALLOC, 0, 1, 2, 0],
      [OP.PAGE_FREE, 0, 1, 4, 0],
    ]);
  });

  it("reads options/fields=1", () => {
    const sizes = "bytes_req=0x48 (72) bytes_alloc=0x60 (96) gfp_flags=0xdc0 (3520) node=0xffffffff (-1) accounted=(0)";
    const { ops, broken, matcher, reader } = readKernelLines(
      `${TASK}kmalloc: call_site=0xffffffffae3b05d1 (-1371863599) ptr=0xffff88853fe0a180 (-131369092996736) ${sizes}`,
      `${TASK}kmem_cache_alloc: call_site=f+0x1/0x2 (-1) ptr=0xffff88853fe0a200 (-13) name=pid ${sizes}`,
      `${TASK}kmem_cache_free: call_site=f+0x1/0x2 (-1) ptr=0xffff88853fe0a200 (-13) name=pid_2`,
      `${TASK}mm_page_alloc: pfn=0x1dbc (7612) order=0x1 (1) gfp_flags=0x400dc0 (4197824) migratetype=0x0 (0)`,
      `${TASK}mm_page_free: pfn=0x1dbc (7612) order=0x1 (1)`,
      `${TASK}mm_page_free_batched: pfn=0x3fd7a (261498)`,
      `${TASK}kfree: call_site=f+0x3a7/0x430 (-1798043193) ptr=0x0 (0)`,
    );
    expect(broken.count).toBe(0);
    expect(ops.map(([, , , size]) => size)).toEqual([72, 72, 72, 1, 2]);
    expect(matcher.objectCounts().kfree.nullFreeCount).toBe(1);
    expect(matcher.registry.caches(reader.cacheNames)).toMatchObject([{ name: "pid", aliases: ["pid_2"] }]);
  });
});

describe("what a reader of kernel text must know", () => {
  it("counts frees of null, in all spellings, apart (point 3)", () => {
    const { matcher, ops } = readKernelLines(
      `${TASK}kfree: call_site=f+0x1/0x2 ptr=0000000000000000`,
      `${TASK}kfree: call_site=f+0x1/0x2 ptr=(null)`,
      `${TASK}kfree: call_site=f+0x1/0x2 ptr=00000000b91db25c`,
      "            perf   118 [001]     5.709737:                     kmem:kfree: call_site=f+0x1 ptr=(nil)",
      `${TASK}kmem_cache_free: call_site=f+0x1/0x2 ptr=0000000000000000 name=filp`,
    );
    expect(ops).toEqual([]);
    const { kfree, cacheFree } = matcher.objectCounts();
    expect(kfree).toEqual({ freeCount: 1, nullFreeCount: 3, matchedCount: 0, unknownCount: 1 });
    expect(cacheFree).toEqual({ freeCount: 0, nullFreeCount: 1, matchedCount: 0, unknownCount: 0 });
    expect(matchPercent(kfree)).toBe(0);
    expect(matchPercent(cacheFree)).toBeUndefined();
  });

  it("counts batched page frees and does not replay them (point 4)", () => {
    const { matcher, ops, counts } = readKernelLines(
      `${TASK}mm_page_alloc: page=fffff0aac0077000 pfn=0x1dc0 order=0 migratetype=0 gfp_flags=GFP_KERNEL`,
      `${TASK}mm_page_free_batched: page=fffff0aac0077000 pfn=0x1dc0 order=0`,
    );
    expect(ops).toHaveLength(1);
    expect(counts.events["mm_page_free_batched"]).toBe(1);
    expect(matcher.pageCounts().pageFree.freeCount).toBe(0);
  });

  it("reads call sites with a module's name or a bare address, and any task name (point 9)", () => {
    const { ops, broken } = readKernelLines(
      `      a-b-12 [x]-171     [000] .....     4.3: kmalloc: call_site=ext4_f+0x1/0x2 [ext4] ptr=ffff8d98c2e6f400 ${SIZES}`,
      `    tmux: server-171     [000] .....     4.3: kmalloc: call_site=ffffffffae0c6719 ptr=ffff8d98c2e6f500 ${SIZES}`,
      `        (sd-pam)-171     [000] .....     4.3: kmalloc: call_site=0xffffffffae0c6719 ptr=ffff8d98c2e6f600 ${SIZES}`,
    );
    expect(broken.count).toBe(0);
    expect(ops).toHaveLength(3);
  });

  it("reads perf and trace-cmd, whose page= is of no use (point 10)", () => {
    const { ops, broken, counts } = readKernelLines(
      "cpus=2",
      `              sh-511   [000]    28.183181: kmem_cache_alloc:     (f+0x2b) call_site=f+0x2b ptr=0xffff88f77cc75000 ${SIZES}`,
      "              sh-511   [000]    28.183597: mm_page_alloc:        page=0xffffffffb802626e pfn=0x10b3e order=1 migratetype=0 gfp_flags=GFP_KERNEL",
      "            perf   118 [001]     5.709750:                     kmem:mm_page_free: page=0xffffffffb8000000 pfn=0x10b3e order=1",
      "            perf   118 [001]     5.709750:                     kmem:kmem_cache_free: call_site=f+0x2b ptr=0xffff88f77cc75000 name=x",
    );
    expect(broken.count).toBe(0);
    expect(counts.lines.header).toBe(1);
    expect(ops.map(([code]) => code)).toEqual([OP.CACHE_ALLOC, OP.PAGE_ALLOC, OP.PAGE_FREE, OP.CACHE_FREE]);
  });

  it("matches hashed pointers like any others (point 12)", () => {
    const { ops } = readKernelLines(
      `${TASK}kmalloc: call_site=f+0x1/0x2 ptr=00000000b91db25c ${SIZES}`,
      `${TASK}kfree: call_site=f+0x1/0x2 ptr=00000000b91db25c`,
    );
    expect(ops.map(([code]) => code)).toEqual([OP.MALLOC, OP.FREE]);
  });

  it("counts allocations of pages that failed, however they are printed", () => {
    const { matcher, broken, ops } = readKernelLines(
      `${TASK}mm_page_alloc: page=0000000000000000 pfn=0x0 order=9 migratetype=0 gfp_flags=GFP_NOWAIT`,
      `${TASK}mm_page_alloc: pfn=0xffffffffffffffff (-1) order=0x9 (9) gfp_flags=0x2800 (10240) migratetype=0x0 (0)`,
      `${TASK}mm_page_alloc: page=(null) pfn=18446744073709551615 order=9 migratetype=0 gfp_flags=GFP_NOWAIT`,
    );
    expect(broken.count).toBe(0);
    expect(ops).toEqual([]);
    expect(matcher.pageCounts().failedAllocCount).toBe(3);
  });

  it("counts other events by whatever name they have", () => {
    const { counts } = readKernelLines(
      `${TASK}__proto__: x`,
      `${TASK}a\x1bb: x`,
      `${TASK}a\x07b: x`,
      `${TASK}vfs_read <-ksys_read`,
    );
    expect(Object.entries(counts.events)).toEqual([
      ["(no name)", 1],
      ["__proto__", 1],
      ["a.b", 2],
    ]);
  });

  it("counts other events, stack traces and lost events as what they are", () => {
    const { counts, broken, ops } = readKernelLines(
      "CPU:0 [LOST 8249 EVENTS]",
      `${TASK}rss_stat: mm_id=68194549 curr=0 type=MM_ANONPAGES size=8192B`,
      `${TASK}sched_switch: prev_comm=kfree prev_pid=1`,
      `${TASK}sched_switch: prev_comm=kfree prev_pid=2`,
      `${TASK}<stack trace>`,
      " => kmem_cache_free",
      "CPU:1 [LOST 10 EVENTS]",
      "",
    );
    expect(broken.count).toBe(0);
    expect(ops).toEqual([]);
    expect(counts.lostEventCount).toBe(8259);
    expect(counts.events).toEqual({ rss_stat: 1, sched_switch: 2 });
    expect(counts.lines).toEqual({
      total: 8,
      ranOn: 0,
      kmemEvent: 0,
      otherEvent: 3,
      comment: 0,
      blank: 1,
      stack: 2,
      lost: 2,
      header: 0,
      continuation: 0,
      functionGraph: 0,
    });
  });
});

describe("broken lines", () => {
  it.each([
    [`kmalloc: call_site=f ${SIZES}`, "kmalloc: no ptr= field"],
    [`kmalloc: call_site=f ptr=ffff8d98c2e6f40 ${SIZES}`, "kmalloc: ptr= is not an address"],
    [`kmalloc: call_site=f ptr=zzzz8d98c2e6f400 ${SIZES}`, "kmalloc: ptr= is not an address"],
    ["kmalloc: call_site=f ptr=ffff8d98c2e6f400", "kmalloc: no bytes_req= field"],
    ["kmalloc: call_site=f ptr=ffff8d98c2e6f400 bytes_req=x", "kmalloc: bytes_req= is not a 32-bit number"],
    ["kmalloc: call_site=f ptr=ffff8d98c2e6f400 bytes_req=-1", "kmalloc: bytes_req= is not a 32-bit number"],
    ["kmalloc: call_site=f ptr=ffff8d98c2e6f400 bytes_req=4294967296", "kmalloc: bytes_req= is not a 32-bit number"],
    ["kmalloc: call_site=f ptr=ffff8d98c2e6f400 bytes_req=96", "kmalloc: no bytes_alloc= field"],
    [
      "kmalloc: call_site=f ptr=ffff8d98c2e6f400 bytes_req=9 bytes_alloc=1e3",
      "kmalloc: bytes_alloc= is not a 32-bit number",
    ],
    ["kmalloc: call_site=f ptr=ffff8d98c2e6f400 bytes_req=96 bytes_alloc=1", "kmalloc: no gfp_flags= field"],
    ["kmem_cache_alloc: call_site=f", "kmem_cache_alloc: no ptr= field"],
    ["kfree: call_site=f", "kfree: no ptr= field"],
    ["kfree: call_site=f ptr=", "kfree: ptr= is not an address"],
    ["kfree: call_site=f ptr=ffff8d98c2e6f4", "kfree: ptr= is not an address"],
    ["kmem_cache_free: call_site=f ptr=(null name=x", "kmem_cache_free: ptr= is not an address"],
    ["mm_page_alloc: page=fffff0aac0077000 order=1", "mm_page_alloc: no pfn= field"],
    ["mm_page_alloc: page=fffff0aac0077000 pfn=0x order=1", "mm_page_alloc: pfn= is not a page frame number"],
    ["mm_page_alloc: pfn=0x10000000000000 order=1", "mm_page_alloc: pfn= is not a page frame number"],
    ["mm_page_alloc: page=fffff0aac0077000 pfn=0x1dc0", "mm_page_alloc: no order= field"],
    ["mm_page_free: page=fffff0aac0077000 pfn=0x1dc0 order=14", "mm_page_free: order= is not 0 to 13"],
    ["mm_page_free: page=fffff0aac0077000 pfn=0x1dc0 order=", "mm_page_free: order= is not 0 to 13"],
    ["mm_page_free_batched: page=fffff0aac0077000", "mm_page_free_batched: no pfn= field"],
  ])("%s", (text, reason) => {
    const { broken, ops, counts } = readKernelLines("# first", `${TASK}${text}`, `${TASK}kfree: call_site=f ptr=(nil)`);
    expect(broken.first).toEqual([{ position: 2, reason, text: `${TASK}${text}` }]);
    expect(broken.countByReason).toEqual({ [reason]: 1 });
    expect(ops).toEqual([]);
    expect(counts.events).toEqual({ kfree: 1 });
  });

  it("are lines that no kernel prints, too", () => {
    const { broken } = readKernelLines("Hello, world", `${TASK}kfree: call_site=f ptr=(nil)`);
    expect(broken.first).toEqual([{ position: 1, reason: "not a line of a kernel trace", text: "Hello, world" }]);
  });

  it("are lines longer than any kernel's", () => {
    const { broken, counts } = readKernelLines(
      `${TASK}kfree: call_site=${"f".repeat(100_000)} ptr=(nil)`,
      `${TASK}kfree: call_site=f ptr=(nil)`,
    );
    expect(broken.countByReason).toEqual({ "the line is too long": 1 });
    expect(broken.first[0]?.text).toHaveLength(201);
    expect(counts.events).toEqual({ kfree: 1 });
  });

  it("are those that trace_pipe tore; what runs on from them is used", () => {
    const whole = `${TASK}kmalloc: call_site=f+0x1/0x2 ptr=ffff8d98c2e6f400 ${SIZES}`;
    const next = `${TASK}kfree: call_site=f+0x1/0x2 ptr=ffff8d98c2e6f400`;
    const torn = "the line is cut off, and the next one runs on from there";
    // Cut anywhere, the first line is lost, and noticed as soon as one character of it is left.
    for (let cut = 1; cut <= whole.length; cut += 1) {
      const { broken, ops, counts } = readKernelLines(whole, `${whole.slice(0, cut)}${next}`);
      expect([cut, broken.countByReason]).toEqual([cut, { [torn]: 1 }]);
      expect([cut, ops.map(([code]) => code)]).toEqual([cut, [OP.MALLOC, OP.FREE]]);
      expect(counts.lines).toMatchObject({ total: 2, ranOn: 1, kmemEvent: 2 });
    }
  });

  it("may be torn more than once", () => {
    const { broken, counts } = readKernelLines(
      `${TASK}kfree: call_site=f ptr=(nil)`,
      `${TASK}kmal${TASK}kmem_cache_free: call_s${TASK}kfree: call_site=f ptr=(nil)`,
    );
    expect(broken.count).toBe(2);
    expect(broken.first.map(({ position }) => position)).toEqual([2, 2]);
    expect(counts.lines).toMatchObject({ total: 2, ranOn: 2, kmemEvent: 2 });
  });

  it("are not all the lines of a text that somebody indented", () => {
    const { broken, counts } = readKernelLines(
      `    ${TASK}kfree: call_site=f ptr=(nil)`,
      `    ${TASK}kfree: call_site=f ptr=(nil)`,
    );
    expect(broken.count).toBe(0);
    expect(counts.events).toEqual({ kfree: 2 });
    const torn = readKernelLines(
      `    ${TASK}kfree: call_site=f ptr=(nil)`,
      `    ${TASK.slice(0, 40)}    ${TASK}kfree: call_site=f ptr=(nil)`,
    );
    expect(torn.broken.first.map(({ position }) => position)).toEqual([2]);
  });
});

describe("the end of a trace", () => {
  const first = `${TASK}kfree: call_site=f ptr=(nil)\n`;
  const last = `${TASK}mm_page_alloc: page=fffff0aac0077000 pfn=0x1dc0 order=1 migratetype=0 gfp_flags=`;

  it("may lack its line feed", () => {
    const { broken, ops } = readKernelChunks([bytesOf(first + last)]);
    expect(broken.count).toBe(0);
    expect(ops).toHaveLength(1);
  });

  it("makes nothing of a last line when the trace is known to be cut", () => {
    const { broken, ops } = readKernelChunks([bytesOf(first + last)], true);
    expect(ops).toEqual([]);
    expect(broken.first).toMatchObject([{ position: 2, reason: "the line is cut off by the end of the trace" }]);
    expect(readKernelChunks([bytesOf(first)], true).broken.count).toBe(0);
  });

  it("reports a last line that ends in the name of an event", () => {
    const { broken } = readKernelChunks([bytesOf(`${first}${TASK}mm_page_al`)]);
    expect(broken.countByReason).toEqual({ "the line is cut off by the end of the trace": 1 });
  });
});

describe("chunks", () => {
  const LINES = [
    "# tracer: nop",
    `${TASK}kmalloc: call_site=f+0x1/0x2 [ext4] ptr=ffff8d98c2e6f400 ${SIZES}`,
    `${TASK}kmem_cache_alloc: call_site=f ptr=00000000b91db25c name=filp ${SIZES}\r`,
    "CPU:0 [LOST 82 EVENTS]",
    `${TASK}<stack trace>`,
    " => f",
    `${TASK}rss_stat: mm_id=6`,
    `${TASK}mm_page_alloc: page=fffff0aac0077000 pfn=0x1dc0 order=3 migratetype=0 gfp_flags=`,
    `${TASK}mm_page_free: page=fffff0aac0077000 pfn=0x1dc2 order=1`,
    `${TASK}kmem_cache_free: call_site=f ptr=00000000b91db25c name=filp`,
    `${TASK}kfr${TASK}kfree: call_site=f ptr=ffff8d98c2e6f400`,
    "kfree: call_site=f ptr=(n",
    "junk",
    `${TASK}kfree: call_site=f ptr=(nil)`,
  ];
  const BYTES = bytesOf(LINES.join("\n"));

  it("may end anywhere", () => {
    const whole = readKernelChunks([BYTES]);
    expect(whole.ops).toHaveLength(6);
    expect(whole.broken.count).toBe(3);
    fc.assert(
      fc.property(fc.array(fc.nat(BYTES.length), { maxLength: 20 }), (cuts) => {
        const parts = readKernelChunks(cutAt(BYTES, cuts));
        expect(parts.ops).toEqual(whole.ops);
        expect(parts.broken).toEqual(whole.broken);
        expect(parts.counts).toEqual(whole.counts);
      }),
    );
  });

  it("may be single bytes", () => {
    const bytewise = readKernelChunks(Array.from(BYTES, (byte) => Uint8Array.of(byte)));
    expect(bytewise.ops).toEqual(readKernelChunks([BYTES]).ops);
  });

  it("may hold anything: every line is counted, and what comes out can be replayed", () => {
    const fragment = fc.oneof(
      fc.constantFrom(...LINES, TASK, "kmalloc: ", " ptr=", "pfn=0x", " order=", "\n", " [000] ", "=", "0x10 "),
      fc.string({ unit: "binary-ascii", maxLength: 8 }),
    );
    const noise = fc.array(fragment, { maxLength: 40 }).map((parts) => bytesOf(parts.join("")));
    const anything = fc.oneof(noise, fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(anything, fc.array(fc.nat(1000), { maxLength: 5 }), (bytes, cuts) => {
        const { ops, counts, broken } = readKernelChunks(cutAt(bytes, cuts));
        const { total, ranOn, ...kinds } = counts.lines;
        const sorted = Object.values(kinds).reduce((sum, count) => sum + count, 0);
        expect(sorted + broken.count).toBe(total + ranOn);
        new OpModel().replay(ops);
      }),
      { numRuns: 500 },
    );
  });
});

import { describe, expect, it } from "vitest";
import { readKernelLines } from "./support.ts";

const FORMS: readonly (readonly [name: string, advice: string, lines: readonly string[]])[] = [
  [
    "TRACE",
    "perf script",
    ["[   12.345678] TRACE kmalloc-96 alloc 0x00000000a1b2c3d4 inuse=21 fp=0x00000000a1b2c3d4", "Call Trace:"],
  ],
  [
    "slabinfo",
    "perf script",
    ["slabinfo - version: 2.1", "filp   1024   1024   256   16   1 : tunables    0    0    0 : slabdata   64   64   0"],
  ],
  [
    "page_owner",
    "perf script",
    [
      "Page allocated via order 0, mask 0xcc0(GFP_KERNEL), pid 1, ts 1 ns",
      "PFN 4096 type Unmovable Block 8 type Unmovable Flags 0x0()",
    ],
  ],
  [
    "kmemleak",
    "perf script",
    ["unreferenced object 0xffff888101aee200 (size 96):", '  comm "x", pid 1, jiffies 4294', "  backtrace:"],
  ],
  ["allocinfo", "perf script", ["allocinfo - version: 1.0", "        4096        1 mm/slub.c:123 func:alloc_slab"]],
  ["buddyinfo", "perf script", ["Node 0, zone   Normal      1      2      3"]],
  ["vmallocinfo", "perf script", ["0xffffc90000000000-0xffffc90000005000   20480 alpha+0x1 pages=4 vmalloc"]],
  ["histogram", "perf script", ["{ call_site: [ffffffffaa0810bb] x } hitcount:          2  bytes_req:       8192"]],
  ["bpftrace", "perf script", ["@bytes[123]: 4096"]],
  ["LTTng", "perf script", ["[09:00:05.211] (+0.0) host kmem_kmalloc: { cpu_id = 0 }, { ptr = 0xFF, bytes_req = 64 }"]],
  ["JSON", "perf script", ['{"call_site": 1, "ptr": 2}']],
  ["perf trace", "perf script", ["     0.000 ( 0.012 ms): prog/171 openat(dfd: CWD) = 3"]],
  ["perf trace", "perf script", ["     0.000 prog/171 kmem:kmalloc(call_site: 12, ptr: 0xffff88"]],
  ["ptrval", "no_hash_pointers", ["prog-171 [000] ..... 4.366667: kfree: call_site=a+0x1/0x20 ptr=(____ptrval____)"]],
  [
    "ptrval",
    "no_hash_pointers",
    ["kmalloc: call_site=a ptr=        (ptrval) bytes_req=1 bytes_alloc=8 gfp_flags=GFP_KERNEL"],
  ],
  [
    "without the names",
    "-F",
    ["prog 171 [000] 4.36: call_site=a ptr=0xffff888101aee200 bytes_req=96 bytes_alloc=96 gfp_flags=GFP"],
  ],
  ["without the fields", "-F", ["prog 171 [000] 4.36: kmem:kmalloc: ", "\tffffffff8123abcd alpha+0x1 ([kernel])"]],
  [
    "mtrace",
    "--format mtrace",
    ["= Start", "@ ./prog:[0x401136] + 0x55d5c8e2a2a0 0x64", "@ ./prog:[0x401156] - 0x55d5c8e2a2a0", "= End"],
  ],
  [
    "memory_replay",
    "--format memory_replay",
    ["100: malloc 0xb48390a0 48 1000 1100", " 100: free 0xb48390a0 1400 1410", "100: thread_done 0x0"],
  ],
  [
    "ltrace",
    "--format ltrace",
    ["malloc(24)                             = 0x55d5c8e2a2a0", "prog->free(0x55d5c8e2a2a0) = <void>"],
  ],
  ["valgrind", "--format valgrind", ["--16301-- malloc(24) = 0x4A5B040", "--16301-- free(0x4A5B040)"]],
  ["strace", "no blocks", ["brk(NULL)                               = 0x55d5c8e2a000"]],
  ["heaptrack", "--format heaptrack", ["v 10300 3", "X /bin/prog", "s 5 main", "t 1 0", "a 18 1", "+ 0", "- 0"]],
  ["malloc-lab", "--format rep", ["a 0 2040", "r 0 123", "f 0"]],
];

describe("text that is no kernel trace", () => {
  it.each(FORMS)("is named, with the way out: %s", (name, advice, lines) => {
    const { ops, broken, counts } = readKernelLines(...lines);
    expect(ops).toEqual([]);
    expect(counts.lines.kmemEvent + counts.lines.otherEvent).toBe(0);
    expect(broken.count + counts.lines.stack).toBe(lines.length);
    expect(counts.unread).toHaveLength(1);
    expect(counts.unread[0]!.name).toContain(name);
    expect(counts.unread[0]!.advice).toContain(advice);
    expect(counts.unread[0]!.lineCount).toBe(broken.count);
  });

  it("is not found in a kernel trace, nor in a text of another kind", () => {
    const { counts, broken } = readKernelLines(
      "Hello, world",
      "kfree: it is bad",
      "the kmalloc: call was",
      "- a",
      "f(x)",
    );
    expect(counts.unread).toEqual([]);
    expect(broken.countByReason).toEqual({ "not a line of a kernel trace": 4, "kfree: no ptr= field": 1 });
  });

  it("is counted by its kind, most lines first", () => {
    const { counts } = readKernelLines("f 0", "= Start", "@ ./p:[0x1] + 0x2 0x3", "a 0 1", "= End");
    expect(counts.unread.map(({ name, lineCount }) => [name, lineCount])).toEqual([
      ["a log of glibc's mtrace", 3],
      ["a trace of malloc-lab (.rep)", 2],
    ]);
  });
});

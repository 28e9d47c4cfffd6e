import { Session } from "node:inspector/promises";
import { describe, expect, it } from "vitest";
import { OP } from "../../src/trace/op-stream.ts";
import { bytesOf } from "../trace/support.ts";
import { readForm, readLines } from "./support.ts";

describe("mtrace", () => {
  it("reads reallocs that move, stay and fail, and lines without a site", () => {
    const { ops, broken, events } = readLines(
      "mtrace",
      "= Start",
      "@ ./p:(main+0x12)[0x401136] + 0x10 0x64",
      "@ ./p:[0x2] < 0x10",
      "@ ./p:[0x2] > 0x20 0xc8",
      "@ ./p:[0x2] ! 0x20 0xffffff",
      "- 0x20",
      "@ ./p:[0x2] > 0x30 0x1",
      "@ ./p:[0x2] + 0x40 0x1ffffffff",
      "what is that",
      "= End",
    );
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 100, 0],
      [OP.REALLOC, 0, 0, 200, 100],
      [OP.FREE, 0, 0, 200, 0],
    ]);
    expect(events[0]!.frames).toEqual(["./p:(main+0x12)[0x401136]"]);
    expect(broken.first.map(({ position }) => position)).toEqual([7, 8, 9]);
  });
});

describe("valgrind", () => {
  it("reads realloc of null and to nothing, operators, and passes over all else", () => {
    const { ops, broken } = readLines(
      "valgrind",
      "==7== Memcheck, a memory error detector",
      "--7-- realloc(0x0,33)malloc(33) = 0x5241190",
      "the program's own line",
      "--7-- realloc(0x5241190,44) = 0x5241200",
      "--7-- realloc(0x5241200,0)free(0x5241200)",
      "--7--  = 0",
      "--7-- _Znwm(72) = 0x10",
      "--7-- memalign(al 64, size 640) = 0x20",
      "--7-- calloc(3,40) = 0x30",
      "--7-- _ZdlPv(0x10)",
      "--7-- malloc(5) oops",
    );
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 33, 0],
      [OP.REALLOC, 0, 0, 44, 33],
      [OP.FREE, 0, 0, 44, 0],
      [OP.MALLOC, 0, 0, 72, 0],
      [OP.ALIGNED, 6, 1, 640, 0],
      [OP.CALLOC, 0, 2, 120, 0],
      [OP.FREE, 0, 0, 72, 0],
    ]);
    expect(broken).toMatchObject({ count: 1, first: [{ position: 11 }] });
  });
});

describe("ltrace", () => {
  it("puts calls together that another thread interrupts", () => {
    const { ops, broken, events } = readLines(
      "ltrace",
      "[pid 7] p->malloc(24 <unfinished ...>",
      "[pid 8] p->malloc(48) = 0x20",
      "[pid 7] <... malloc resumed> ) = 0x10",
      "[pid 8] realloc(0, 33) = 0x30",
      "[pid 8] free(0x20) = <void>",
      "[pid 9] <... free resumed> ) = <void>",
      "+++ exited (status 0) +++",
    );
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 48, 0],
      [OP.MALLOC, 0, 1, 24, 0],
      [OP.MALLOC, 0, 2, 33, 0],
      [OP.FREE, 0, 0, 48, 0],
    ]);
    expect(events.map(({ thread }) => thread)).toEqual(["8", "7", "8", "8"]);
    expect(broken).toMatchObject({ count: 1, first: [{ position: 6 }] });
  });
});

describe("memory_replay", () => {
  it("reads threads, times and every call", () => {
    const { ops, events, broken } = readLines(
      "memory_replay",
      "100: malloc 0xb48390a0 48 1000 1100",
      "100: calloc 0xb48390e0 2 32 1200 1300",
      "101: memalign 0xb4839140 16 64",
      "100: realloc 0xb4839200 0xb48390a0 96 1330 1340",
      "100: free 0xb4839200 1400 1410",
      "100: thread_done 0x0",
      "100: malloc 0x1",
    );
    expect(ops.map(([code, , slot, size]) => [code, slot, size])).toEqual([
      [OP.MALLOC, 0, 48],
      [OP.CALLOC, 1, 64],
      [OP.ALIGNED, 2, 64],
      [OP.REALLOC, 0, 96],
      [OP.FREE, 0, 96],
    ]);
    expect(events[0]).toMatchObject({ timeNs: 1000, thread: "100" });
    expect(broken.count).toBe(1);
  });
});

describe("malloc-lab", () => {
  it("reads ids from 0 after the head of numbers", () => {
    const { ops, broken } = readLines("rep", "20000", "2", "4", "1", "a 0 2040", "a 1 16", "r 0 123", "f 0", "x 1");
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 2040, 0],
      [OP.MALLOC, 0, 1, 16, 0],
      [OP.REALLOC, 0, 0, 123, 2040],
      [OP.FREE, 0, 0, 123, 0],
    ]);
    expect(broken).toMatchObject({ count: 1, first: [{ position: 9 }] });
  });
});

describe("LTTng-UST", () => {
  it("reads babeltrace's text with its times", () => {
    const head = "[16:10:05.000000";
    const { ops, events, broken } = readLines(
      "lttng",
      `${head}100] (+?.?????????) host lttng_ust_libc:malloc: { cpu_id = 1 }, { size = 24, ptr = 0x10 }`,
      `${head}200] (+0.000000100) host lttng_ust_libc:calloc: { cpu_id = 1 }, { nmemb = 2, size = 8, ptr = 0x20 }`,
      `${head}300] (+0.000000100) host lttng_ust_libc:realloc: { cpu_id = 0 }, { in_ptr = 0x10, size = 30, ptr = 0x30 }`,
      `${head}400] (+0.000000100) host lttng_ust_libc:posix_memalign: { cpu_id = 0 }, { out_ptr = 0x40, alignment = 64, size = 3, result = 0 }`,
      `${head}500] (+0.000000100) host lttng_ust_libc:free: { cpu_id = 0 }, { ptr = 0x30 }`,
      `${head}500] (+0.000000100) host lttng_ust_libc:malloc: { cpu_id = 0 }, { ptr = 0x50 }`,
    );
    expect(ops.map(([code, align, slot, size]) => [code, align, slot, size])).toEqual([
      [OP.MALLOC, 0, 0, 24],
      [OP.CALLOC, 0, 1, 16],
      [OP.REALLOC, 0, 0, 30],
      [OP.ALIGNED, 6, 2, 3],
      [OP.FREE, 0, 0, 30],
    ]);
    expect(events[1]!.timeNs - events[0]!.timeNs).toBe(100);
    expect(events[0]!.cpu).toBe(2);
    expect(broken.count).toBe(1);
  });
});

describe("bpftrace", () => {
  it("reads the fields that scripts print", () => {
    const { ops, events } = readLines(
      "bpftrace",
      "Attaching 4 probes...",
      "malloc size=24 ptr=0x10 tid=7 ts=1000",
      "1200 sshd 8 calloc nmemb=2 size=8 ptr=0x20",
      "realloc old=0x10 size=30 ptr=0x30 tid=7",
      "free ptr=0x30 tid=7 caller=main+4",
      "@total: 4",
    );
    expect(ops.map(([code, , slot, size]) => [code, slot, size])).toEqual([
      [OP.MALLOC, 0, 24],
      [OP.CALLOC, 1, 16],
      [OP.REALLOC, 0, 30],
      [OP.FREE, 0, 30],
    ]);
    expect(events[0]).toMatchObject({ timeNs: 1000, thread: "7" });
    expect(events[3]!.frames).toEqual(["main+4"]);
  });

  it("reads calls with answers when it is told", () => {
    const { ops } = readForm("bpftrace", bytesOf("1000 sshd 7 malloc(24) = 0x10\nfree(0x10)\n"));
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 24, 0],
      [OP.FREE, 0, 0, 24, 0],
    ]);
  });
});

describe("CSV", () => {
  it("finds columns by their names, whatever separates them", () => {
    const { ops, events, broken } = readLines(
      "csv",
      "Time_us;Thread;Operation;Address;Size;Site",
      '1.5;main;alloc;0x10;24;"a (b.c:1);main"',
      "2;main;ALLOC;0x20;8;",
      "3;main;realloc;0x20;16;",
      "4;t2;free;0x10;;",
      "5;t2;frob;0x10;;",
      "6;t2;alloc;zz;1;",
    );
    expect(ops.map(([code, , slot, size]) => [code, slot, size])).toEqual([
      [OP.MALLOC, 0, 24],
      [OP.MALLOC, 1, 8],
      [OP.REALLOC, 1, 16],
      [OP.FREE, 0, 24],
    ]);
    expect(events[0]).toMatchObject({ timeNs: 1500, thread: "main", frames: ["main", "a (b.c:1)"] });
    expect(broken.first.map(({ position }) => position)).toEqual([6, 7]);
  });
});

describe("Chrome's JSON", () => {
  it("reads events in an object and in a list, in chunks of any size", () => {
    const events = [
      { name: "malloc", ph: "i", ts: 1.5, pid: 1, tid: 7, args: { address: "0x10", size: 24, site: "a{b" } },
      { name: "other", ph: "X", ts: 2, pid: 1, tid: 7, args: { a: { b: '}{"' } } },
      { name: "kmem:kfree", ph: "i", ts: 3, pid: 1, tid: 7, args: { ptr: "0x10" } },
    ];
    for (const text of [JSON.stringify({ a: 1, traceEvents: events }), JSON.stringify(events, null, 1)]) {
      expect(readLines("perfetto", text).ops).toHaveLength(2);
      for (const chunk of [1, 7, 100]) {
        const { ops, events: seen, broken } = readForm("perfetto", bytesOf(text), chunk);
        expect(ops.map(([code, , , size]) => [code, size])).toEqual([
          [OP.MALLOC, 24],
          [OP.FREE, 24],
        ]);
        expect(seen[0]).toMatchObject({ timeNs: 1500, thread: "7", frames: ["a{b"] });
        expect(broken.count).toBe(0);
      }
    }
    expect(readForm("perfetto", bytesOf('{"traceEvents":[{"name":"malloc"')).broken.count).toBe(1);
  });
});

describe("V8's heap profiles", () => {
  it("reads the live samples of a real one, each with its stack", async () => {
    const session = new Session();
    session.connect();
    await session.post("HeapProfiler.enable");
    await session.post("HeapProfiler.startSampling", { samplingInterval: 512 });
    const kept = Array.from({ length: 20_000 }, function makeOne(_, index) {
      return { index, text: `${index}` };
    });
    const { profile } = await session.post("HeapProfiler.stopSampling");
    session.disconnect();
    expect(kept.length).toBe(20_000);
    const { ops, events, summary } = readLines("heapprofile", JSON.stringify(profile));
    const samples = (profile as unknown as { samples: { size: number }[] }).samples;
    expect(ops).toHaveLength(samples.length);
    expect(summary.live.liveBytesAtEnd).toBe(samples.reduce((sum, { size }) => sum + size, 0));
    expect(events.some(({ frames }) => frames.some((frame) => frame.startsWith("makeOne (")))).toBe(true);
  });
});

describe("heaptrack", () => {
  it("takes strings without lengths from older files", () => {
    const lines = [
      "v 10100 1",
      "X ./p",
      "I 1000 1",
      "s main",
      "s a.c",
      "i 10 0 1 2 5",
      "t 1 0",
      "a 18 1",
      "+ 0",
      "- 0",
      "- 0",
    ];
    const { ops, events, summary } = readLines("heaptrack", ...lines);
    expect(ops.map(([code, , , size]) => [code, size])).toEqual([
      [OP.MALLOC, 24],
      [OP.FREE, 24],
    ]);
    expect(events[0]!.frames).toEqual(["main (a.c:5)"]);
    expect(summary).toMatchObject({ frees: { unknownCount: 1 } });
  });

  it("counts what names an entry that is not there", () => {
    const { broken, ops } = readLines("heaptrack", "v 10100 3", "X p", "t 5 9", "a zz 1", "+ 7", "- 3", "s 1 x", "?");
    expect(ops).toEqual([]);
    expect(broken.count).toBe(4);
  });
});

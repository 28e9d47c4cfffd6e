import { describe, expect, it } from "vitest";
import { OP } from "../../src/trace/op-stream.ts";
import { cutLine, ftraceLine, PERF_EVENTS, perfLine, quotedPrintable, SIX_EVENTS, wrapLine } from "./six-events.ts";
import { type KernelResult, readKernelLines } from "./support.ts";

type Render = (event: string, index: number) => string;

function inFtrace(change: (line: string) => string): Render {
  return (event, index) => change(ftraceLine(event, index));
}

function inPerf(change: (line: string) => string): Render {
  return (event, index) => change(perfLine(event, index));
}

/** `kmalloc: a=1 b=2` as `kmalloc(a: 1, b: 2)`. */
function asCall(event: string): string {
  const [name, fields] = event.split(": ") as [string, string];
  return `${name}(${fields
    .split(" ")
    .map((field) => field.replace("=", ": "))
    .join(", ")})`;
}

const PERF: Readonly<Record<string, Render>> = {
  "perf script": perfLine,
  "time first": (event, index) => `    4.36666${index}:   kmem:${event}`,
  "a period": (event, index) => `prog 171 [000] 4.36666${index}:          1 kmem:${event}`,
  "the event alone": (event) => `         kmem:${event}`,
  "the event alone, trimmed": (event) => `kmem:${event}`,
  "the event without its system": (event) => `   ${event}`,
  "name and event": (event) => `prog kmem:${event}`,
  "pid and event": (event) => `  171 kmem:${event}`,
  "pid, tid and event": (event) => `  171/172    kmem:${event}`,
  "processor and event": (event) => `[001] kmem:${event}`,
  "a name with blanks": (event, index) => `tmux: server  171/171 [000] 4.36666${index}: kmem:${event}`,
  misc: (event, index) => `prog   171 [000] K    4.36666${index}: kmem:${event}`,
  nanoseconds: (event, index) => `prog   171 [000]  4.36666${index}123: kmem:${event}`,
  "ip, sym and dso": inPerf((line) => `${line} ffffffff8123abcd alpha+0x1 ([kernel.kallsyms])`),
  "addr, weight and phys_addr": inPerf((line) => `${line}      ffff888100001000 0  12a4f000`),
  "flags of branches": inPerf((line) => line.replace(/(k\w+|mm_\w+): (?=\w+=)/, "$1:   call      ")),
  "a modifier": inPerf((line) => line.replace(/: (?=\w+=)/, ":k: ")),
  "a term": inPerf((line) => line.replace(/: (?=\w+=)/, "/call-graph=fp/: ")),
  "perf trace": (event, index) => `     0.00${index} prog/171 kmem:${asCall(event)}`,
  "perf trace with a duration": (event, index) => `     0.00${index} (         ): prog/171 kmem:${asCall(event)}`,
  "perf trace of old": (event, index) => `     0.00${index} kmem:${event.replace(": ", ":")}`,
  "trace-cmd": (event, index) =>
    `     prog-171   [000]     4.36666${index}: ${event.replace(": ", ":     (alpha+0x1) ")}`,
  "trace-cmd, differences": (event, index) => `     prog-171   [000]     4.36666${index}: (+12)    ${event}`,
  "trace-cmd, several files": (event, index) => `  trace.dat:    prog-171   [000] d..1. 4.36666${index}: ${event}`,
  "trace-cmd, not parsed": inFtrace((line) => line.replace(/: (?=\w+=)/, ":  [FAILED TO PARSE] ")),
  "wrapped at 78 columns": inPerf((line) => wrapLine(line, 78)),
  "wrapped at 42 columns": inPerf((line) => wrapLine(line, 42)),
  "wrapped without context": (event) => wrapLine(`kmem:${event}`, 60),
  "quoted-printable": inPerf(quotedPrintable),
};

const FTRACE: Readonly<Record<string, Render>> = {
  ftrace: ftraceLine,
  "no blank behind the time": inFtrace((line) => line.replace(/(\d): /, "$1:")),
  "no blank behind the name": inFtrace((line) => line.replace(/: (?=\w+=)/, ":")),
  "no blank behind both": inFtrace((line) => line.replaceAll(": ", ":")),
  "no colon": (event, index) => `4.36666${index} ${event.replace(":", "")}`,
  "no flags": (event, index) => `prog-171 [000] 4.36666${index}: ${event}`,
  "a thread group": (event, index) => `            prog-171     (    171) [000] d..1.     4.36666${index}: ${event}`,
  "a processor before it": inFtrace((line) => `CPU:1 ${line}`),
  function_graph: (event) => ` 1)               |      /* ${event} */`,
  "function_graph, absolute time": (event, index) => `    4.36666${index} |   1)               |      /* ${event} */`,
  "function_graph, tasks": (event) => ` 1)   bash-171    |               |      /* ${event} */`,
  "function_graph, flags": (event) => ` 1)  d..1. |               |      /*${event}*/`,
  "function_graph, no processor": (event) => `               |      /* ${event} */`,
  latency: (event, index) => `    prog-171       1d..1. 3878${index}us!: ${event}`,
  "a dump in dmesg": (event, index) => `[   12.34567${index}]     prog-171       1d..1. 3878${index}us : ${event}`,
  "a dump with callers": (event, index) =>
    `[   12.34567${index}][  T171]     prog-171     1d..1. 3878${index}us : ${event}`,
  journalctl: (event, index) =>
    `Nov 29 10:29:01 host kernel: [   12.34567${index}]  prog-171   1d..1. 387us : ${event}`,
  "journalctl -o short-iso": (event) => `2024-11-29T10:29:01+0000 host kernel:   prog-171   1d..1. 387us : ${event}`,
  "ftrace in dmesg": (event, index) => `[12345.67890${index}] ${ftraceLine(event, index)}`,
  "a quote": inFtrace((line) => `> ${line}`),
  "a quote of a quote": inFtrace((line) => `>> ${line}`),
  "quotes of quotes": inFtrace((line) => `> > > ${line}`),
  "a bar": inFtrace((line) => `| ${line}`),
  initials: inFtrace((line) => `JD> ${line}`),
  "a quote without context": (event) => `> ${event}`,
  indentation: inFtrace((line) => `        ${line}`),
  "indentation without context": (event) => `    ${event}`,
  "a list": (event) => `* ${event}`,
  "a diff": inFtrace((line) => `+${line}`),
  "wrapped at 72 columns": inFtrace((line) => wrapLine(line, 72)),
  "wrapped at 40 columns": inFtrace((line) => wrapLine(line, 40)),
  "wrapped and quoted": inFtrace((line) => `> ${wrapLine(line, 70, "\n> ")}`),
  "quoted, then wrapped": inFtrace((line) => `> ${wrapLine(line, 72)}`),
  "wrapped and indented": inFtrace((line) => wrapLine(line, 72, "\n    ")),
  flowed: inFtrace((line) => wrapLine(line, 72, " \n")),
  backslashes: inFtrace((line) => wrapLine(line, 60, " \\\n    ")),
  "backslashes, quoted": inFtrace((line) => `> ${wrapLine(line, 60, " \\\n>     ")}`),
  "backslashes in words": inFtrace((line) => cutLine(line, 60, "\\\n")),
  "quoted-printable": inFtrace(quotedPrintable),
  "quoted-printable, quoted": inFtrace((line) => quotedPrintable(`> ${line}`)),
  "quoted-printable, without context": quotedPrintable,
  "HTML entities": inFtrace((line) => line.replace("    prog", "   &lt;...&gt;").replaceAll(" ", "&nbsp;")),
  "HTML line breaks": inFtrace((line) => `${line}<br/>`),
  "HTML quotes": inFtrace((line) => `&gt; ${line}`),
  tabs: inFtrace((line) => line.replaceAll(/ +/g, "\t")),
  "numbers by cat": (event, index) => `     ${index}\t${ftraceLine(event, index)}`,
  "numbers by grep": (event, index) => `trace.txt:${index}:${ftraceLine(event, index)}`,
  "colours by grep": inFtrace((line) => line.replace(/(k\w+|mm_\w+): /, "\x1b[01;31m\x1b[K$1\x1b[m\x1b[K: ")),
  "colours in a field": inFtrace((line) => line.replace("ptr=", "\x1b[31mptr=\x1b[0m")),
  "colours as less shows them": inFtrace((line) => `ESC[32m${line}ESC[0m`),
  "two returns": inFtrace((line) => `${line}\r\r`),
  "blanks at the end": inFtrace((line) => `${line}   `),
  "quotation marks": (event, index) => `"4.36666${index}","${event}"`,
  "bpftrace's name": (event) => `tracepoint:kmem:${event}`,
};

/** What the six events must come to, and that every line is counted once. */
function expectSix({ ops, broken, counts, matcher }: KernelResult): void {
  expect(broken).toEqual({ count: 0, countByReason: {}, first: [] });
  const codes = [OP.MALLOC, OP.CACHE_ALLOC, OP.PAGE_ALLOC, OP.PAGE_FREE, OP.CACHE_FREE, OP.FREE];
  expect(ops.map(([code]) => code)).toEqual(codes);
  expect(ops.slice(0, 3).map(([, , , size]) => size)).toEqual([100, 360, 1]);
  expect(matcher.total.liveBlockCount).toBe(0);
  expect(counts.unread).toEqual([]);
  const { total, ranOn, ...kinds } = counts.lines;
  expect(kinds.otherEvent).toBe(0);
  expect(Object.values(kinds).reduce((sum, count) => sum + count, 0)).toBe(total + ranOn);
}

describe("forms of kernel text", () => {
  it.each(Object.entries(FTRACE))("as ftrace has it: %s", (_, render) => {
    expectSix(readKernelLines(...SIX_EVENTS.map(render).join("\n").split("\n")));
  });

  it.each(Object.entries(PERF))("as perf and trace-cmd have it: %s", (_, render) => {
    expectSix(readKernelLines(...PERF_EVENTS.map(render).join("\n").split("\n")));
  });

  it("reads events that a mailer filled into a paragraph", () => {
    expectSix(readKernelLines(SIX_EVENTS.join(" ")));
    expectSix(readKernelLines(...wrapLine(SIX_EVENTS.join(" "), 72).split("\n")));
  });

  it("gives the cache's name without what stands behind it", () => {
    const { matcher, reader } = readKernelLines(
      ...PERF_EVENTS.map((event, index) => `${perfLine(event, index)} ffffffff8123abcd alpha+0x1 ([kernel.kallsyms])`),
    );
    expect(matcher.registry.caches(reader.cacheNames)).toMatchObject([{ aliases: ["filp"] }]);
  });

  it("reads perf trace, which leaves out what is zero", () => {
    const { ops, broken, matcher } = readKernelLines(
      "     0.001 prog/171 kmem:mm_page_alloc(page: 0x12a4f, pfn: 76367, gfp_flags: 3264)",
      "     0.002 prog/171 kmem:mm_page_free(page: 0x12a4f, pfn: 76367)",
      "     0.003 prog/171 kmem:kfree(call_site: 18446744071836112345)",
      '     0.004 prog/171 kmem:kmem_cache_free(call_site: 1, ptr: 0xffff888101aee200, name: "filp")',
      "     0.005 prog/171 kmem:kfree(call_site: 1, ptr: 18446612682095780352)",
    );
    expect(broken.count).toBe(0);
    expect(ops.map(([code]) => code)).toEqual([OP.PAGE_ALLOC, OP.PAGE_FREE]);
    expect(matcher.objectCounts()).toMatchObject({
      kfree: { nullFreeCount: 1, unknownCount: 1 },
      cacheFree: { unknownCount: 1 },
    });
  });

  it("takes the frees of Linux 2.6.32 to 3.2 for frees", () => {
    const { matcher, counts, broken } = readKernelLines(
      "  editor-1567  [000]  4415.240000: mm_page_alloc: page=ffffea0003db9f40 pfn=1155800 order=0 migratetype=0 gfp_flags=GFP_KERNEL",
      "  editor-1567  [000]  4415.240001: mm_page_free_direct: page=ffffea0003db9f40 pfn=1155800 order=0",
      "  editor-1567  [000]  4415.240002: mm_page_alloc: page=ffffea0003db9f80 pfn=1155801 order=0 migratetype=0 gfp_flags=GFP_KERNEL",
      "  editor-1567  [000]  4415.240003: mm_pagevec_free: page=ffffea0003db9f80 pfn=1155801 cold=0",
      "  editor-1567  [000]  4415.240004: mm_page_alloc_zone_locked: page=ffffea0003db9fc0 pfn=1155802 order=0 migratetype=0",
    );
    expect(broken.count).toBe(0);
    expect(matcher.pageCounts().pageFree).toMatchObject({ freeCount: 2, matchedCount: 2 });
    expect(matcher.total.liveBlockCount).toBe(0);
    expect(counts.events).toMatchObject({ mm_page_free_direct: 1, mm_pagevec_free: 1, mm_page_alloc_zone_locked: 1 });
  });

  it("knows call chains with short addresses, places in the source, and the lines of function_graph", () => {
    const { broken, counts } = readKernelLines(
      perfLine(PERF_EVENTS[0]!, 0),
      "                  2711dc .alpha_alloc (/boot/vmlinux)",
      "  slub.c:123",
      "                       0 [unknown] ([unknown])",
      "\t           4011a2 main+0x2 (/usr/bin/prog)",
      "        4011a2",
      "",
      " 1)   0.123 us    |    beta_put();",
      " 1) + 12.50 us    |  } /* alpha_open */",
      " 0)    sshd-1755  =>  rcu_pre-9  ",
      "   0.123 us    |    beta_put();",
      " ------------------------------------------",
    );
    expect(broken.count).toBe(0);
    expect(counts.lines).toMatchObject({ kmemEvent: 1, stack: 5, blank: 1, functionGraph: 4, header: 1 });
  });

  it("reads lines of several recorders and kernels in one text", () => {
    const { broken, counts, matcher } = readKernelLines(
      "<idle>-0 [003] ..s. 328.473305: kmalloc: call_site=805ee260 caller(X+0x24/0x28) ptr=b7d93cc0 bytes_req=12 bytes_alloc=64 gfp_flags=GFP_ATOMIC",
      "kworker/u8:1-e:#-77 [003] dN.2. 328.473324: kfree: call_site=805ee2c8 caller(X_FREE+0x1c/0x20) ptr=b7d93cc0",
      "CPU:1 [LOST 12 EVENTS]",
      "> >   <...>-2345  (-----) [001] d..2  328.47: kmem_cache_alloc: call_site=0xffffffff92d1aaaa (-18) ptr=0xffff9e0e8577f800 (-10) bytes_req=0x168 (360) bytes_alloc=0x180 (384) gfp_flags=0xcc0 (3264)",
    );
    expect(broken.count).toBe(0);
    expect(counts.lines.kmemEvent).toBe(3);
    expect(counts.lostEventCount).toBe(12);
    expect(matcher.objectCounts().kfree.matchedCount).toBe(1);
  });

  it("takes trimmed lines among others for whole ones", () => {
    const { broken } = readKernelLines(
      ...SIX_EVENTS.map((event, index) => ftraceLine(event, index).slice(index === 3 ? 12 : 0)),
    );
    expect(broken.count).toBe(0);
  });

  it("takes the rest of a wrapped event of others for what it is", () => {
    const { broken, counts } = readKernelLines(
      "            prog-171     [000] .....     4.366667: rss_stat: mm_id=68194549 curr=0",
      "type=MM_ANONPAGES size=8192B",
      "            prog-171     [000] .....     4.366667:",
      "rss_stat: mm_id=68194549 curr=0",
    );
    expect(broken.count).toBe(0);
    expect(counts.events).toEqual({ rss_stat: 2 });
    expect(counts.lines).toMatchObject({ otherEvent: 2, continuation: 2 });
  });
});

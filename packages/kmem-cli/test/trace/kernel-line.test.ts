import { describe, expect, it } from "vitest";
import { KERNEL_EVENT } from "../../src/trace/kernel-events.ts";
import { classifyLine, emptyLineParts, findRunOn, LINE, lostEventCount } from "../../src/trace/kernel-line.ts";
import { NONE } from "../../src/trace/line-scan.ts";
import { bytesOf } from "./support.ts";

interface Classified {
  readonly kind: number;
  readonly name: string;
  readonly code: number;
}

function classify(line: string): Classified {
  // What stands before and behind a line in its chunk must not matter.
  const bytes = bytesOf(`9: x: \n${line}\n [000] 1.5: kfree: `);
  const parts = emptyLineParts();
  classifyLine(bytes, 7, 7 + line.length, parts);
  const isEvent = parts.kind === LINE.KMEM_EVENT || parts.kind === LINE.OTHER_EVENT;
  const name = isEvent ? Buffer.from(bytes.subarray(parts.nameStart, parts.nameEnd)).toString() : "";
  return { kind: parts.kind, name, code: isEvent ? parts.code : NONE };
}

const KFREE = "kfree: call_site=f+0x1/0x2 ptr=ffff8885019e6780";

/** The same event as each recorder and each set of options prints it. */
const CONTEXTS: Readonly<Record<string, string>> = {
  "ftrace, five flags": `            init-1       [000] d..1.     4.241525: ${KFREE}`,
  "ftrace, four flags": `            init-1       [001] ....     4.241525: ${KFREE}`,
  "ftrace, no flags": `            init-1       [001]      4.292118: ${KFREE}`,
  "ftrace, thread group": `            init-1       (      1) [001] .....     3.788827: ${KFREE}`,
  "ftrace, unknown thread group": `           <...>-212     (-------) [001] .....     3.788827: ${KFREE}`,
  "ftrace, counter clock": `            init-1       [000] .....            4: ${KFREE}`,
  "ftrace, tsc clock": `            init-1       [000] .....  26547201532: ${KFREE}`,
  "ftrace, latency, long delay": `    init-1         1..... 38789us!: ${KFREE}`,
  "ftrace, latency, some delay": `    init-1         1..... 38902us+: ${KFREE}`,
  "ftrace, latency, no delay": `    init-1         1..... 38943us : ${KFREE}`,
  "ftrace, latency, verbose": `            init     1   1 0 00000000 00000001 [00000cc9] 38789.123ms (+0.113ms): ${KFREE}`,
  "ftrace, no context": KFREE,
  perf: `            perf   118 [001]     5.709737:                     kmem:kfree: call_site=f+0x1 ptr=(nil)`,
  "perf with process": `            perf   118/118   [001]     5.709737:   kmem:kfree: call_site=f+0x1 ptr=(nil)`,
  "perf with call chains": `tmux: server   118 [001]     5.709737: kmem:kfree: call_site=f+0x1 ptr=(nil)`,
  "perf, unknown task": `             :-1    -1 [001]     6.921142:  kmem:kfree: call_site=f+0x1 ptr=(nil)`,
  "trace-cmd": `              sh-511   [000]    28.183181: kfree:      (f+0x2b) call_site=f+0x2b ptr=0xffff88f77cc75000`,
  "name with blanks and brackets": `      a-b-12 [x]-171     [000] .....     4.366667: ${KFREE}`,
  "name with a colon": `    tmux: server-171     [000] .....     4.366667: ${KFREE}`,
  "name like an event": `   1.5: kmalloc: -171     [000] .....     4.366667: ${KFREE}`,
  "name of dashes": `        -1-2-3-4-171     [000] .....     4.366667: ${KFREE}`,
  "indented or trimmed": `init-1       [000] d..1.     4.241525: ${KFREE}`,
  "trimmed, name with a digit and a colon": `web1: run-171   [000] d..1.     4.241525: ${KFREE}`,
};

describe("classifyLine", () => {
  it.each(Object.entries(CONTEXTS))("finds the event: %s", (_, line) => {
    expect(classify(line)).toMatchObject({ kind: LINE.KMEM_EVENT, code: KERNEL_EVENT.KFREE });
  });

  it.each([
    ["            init-1       [000] ...1.    12.779188: rss_stat: mm_id=6 curr=0 type=MM_ANON size=8192B", "rss_stat"],
    [
      "            find-322     [001] d..3.  12.8: mm_page_alloc_zone_locked: pfn=0x1 order=1",
      "mm_page_alloc_zone_locked",
    ],
    ["    perf   1 [0]  5.7:   xen:kfree: call_site=a ptr=(nil)", "xen:kfree"],
    ["              sh-12      [000] .....     4.5: tracing_mark_write: 3.1: kfree: ptr=0", "tracing_mark_write"],
    ["              sh-12      [000] .....     4.5: vfs_read <-ksys_read", ""],
    ["sched_switch: prev_comm=a", "sched_switch"],
  ])("takes other events for what they are: %s", (line, name) => {
    expect(classify(line)).toEqual({ kind: LINE.OTHER_EVENT, name, code: NONE });
  });

  it.each([
    ["# tracer: nop", LINE.COMMENT],
    ["##### CPU 1 buffer started ####", LINE.COMMENT],
    ["# event : name = kmem:kfree, , id = { 15, 16 }, sample_type = 1: kfree: x", LINE.COMMENT],
    ["", LINE.BLANK],
    ["   \t ", LINE.BLANK],
    [" => kmem_cache_free", LINE.STACK],
    ["=> __fput (ffffffffae45aa4e)", LINE.STACK],
    ["            init-1       [001] .....     5.636469: <stack trace>", LINE.STACK],
    ["\tffffffffae45aa4e __fput+0x14e ([kernel.kallsyms])", LINE.STACK],
    ["        ffffffffae45aa4e __fput+0x14e ([kernel.kallsyms])", LINE.STACK],
    ["CPU:0 [LOST 8249 EVENTS]", LINE.LOST],
    ["CPU:1 [LOST EVENTS]", LINE.LOST],
    ["CPU:1 [12 EVENTS DROPPED]", LINE.LOST],
    ["cpus=2", LINE.HEADER],
    ["CPU 3 is empty", LINE.HEADER],
    ["version = 7", LINE.HEADER],
    ["CPU time is money", LINE.UNKNOWN],
    ["{ call_site: [ffffffffaa0810bb] proc_pid_readlink } hitcount:          2  bytes_req:       8192", LINE.UNKNOWN],
    ["    bad line", LINE.UNKNOWN],
    ["Lorem ipsum dolor sit amet", LINE.UNKNOWN],
    ["abc:", LINE.UNKNOWN],
    [":", LINE.UNKNOWN],
  ])("sorts the rest: %s", (line, kind) => {
    expect(classify(line).kind).toBe(kind);
  });

  it("takes a line without context for an event of ours even when its fields are missing", () => {
    expect(classify("kfree: nothing")).toMatchObject({ kind: LINE.KMEM_EVENT, code: KERNEL_EVENT.KFREE });
  });
});

describe("columns and torn lines", () => {
  function parts(line: string): { cpuCount: number; inColumns: boolean; runsOn: boolean } {
    const bytes = bytesOf(line);
    const found = emptyLineParts();
    classifyLine(bytes, 0, bytes.length, found);
    return {
      cpuCount: found.cpuCount,
      inColumns: found.inColumns,
      runsOn: findRunOn(bytes, bytes.length, found) !== NONE,
    };
  }

  it.each(Object.entries(CONTEXTS))("sees nothing torn: %s", (context, line) => {
    const found = parts(line);
    expect(found.runsOn).toBe(false);
    expect(found.cpuCount).toBeLessThanOrEqual(1);
    const keepsColumns = found.cpuCount === 1 && !/call chains|trimmed/.test(context);
    // The number in brackets of the verbose latency format is no processor, and stands elsewhere.
    if (context !== "ftrace, latency, verbose") expect(found.inColumns).toBe(keepsColumns);
  });

  it.each([" ", "            fin", "            find-341     [000] .....     9.17"])(
    "sees that a line stands behind the beginning of another: '%s'",
    (fragment) => {
      const found = parts(fragment + CONTEXTS["ftrace, five flags"]);
      expect(found.cpuCount > 1 || !found.inColumns).toBe(true);
    },
  );

  it.each([
    "            init-1       [000] .....     9.120806: ",
    "            init-1       [000] .....     9.120806: kmem_cach",
    "            init-1       [000] .....     9.120806: kmem_cache_alloc: cal",
    "            init-1       [000] .....     9.120806: <stack tr",
    `${CONTEXTS["ftrace, five flags"]}`,
  ])("sees that a line runs on into another: %s", (beginning) => {
    expect(parts(beginning + CONTEXTS["ftrace, thread group"]).runsOn).toBe(true);
  });

  it("lets the text of other events say anything that has no processor in it", () => {
    expect(parts("  sh-12      [000] .....     4.5: tracing_mark_write: took 3.1: kfree: ptr=0").runsOn).toBe(false);
  });
});

describe("lostEventCount", () => {
  it.each([
    ["CPU:0 [LOST 8249 EVENTS]", 8249],
    ["CPU:12 [12 EVENTS DROPPED]", 12],
    ["CPU:12 [LOST EVENTS]", 0],
    ["CPU:12 LOST", 0],
  ])("%s", (line, count) => {
    expect(lostEventCount(bytesOf(line), 0, line.length)).toBe(count);
  });
});

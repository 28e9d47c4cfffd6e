import { KernelFormReader } from "../trace/kernel-form.ts";
import { startsWith } from "../trace/line-scan.ts";
import { MallocFormReader } from "../trace/malloc-form.ts";
import { MALLOC_TRACE_MAGIC } from "../trace/malloc-trace.ts";
import type { ReaderSetting, TraceReader } from "../trace/trace-reader.ts";
import { BPFTRACE_LINE, BpftraceReader } from "./bpftrace.ts";
import { ChromeJsonReader, isChromeJson } from "./chrome-json.ts";
import { CsvReader, csvColumns } from "./csv.ts";
import { HeapProfileReader, isHeapProfile } from "./heap-profile.ts";
import { HEAPTRACK_LINE, HeaptrackReader } from "./heaptrack.ts";
import { LTRACE_LINE, LtraceReader } from "./ltrace.ts";
import { LTTNG_LINE, LttngReader } from "./lttng.ts";
import { MALLOC_LAB_LINE, MallocLabReader } from "./malloc-lab.ts";
import { MEMORY_REPLAY_LINE, MemoryReplayReader } from "./memory-replay.ts";
import { MTRACE_LINE, MtraceReader } from "./mtrace.ts";
import { PerfDataReader } from "./perf-data.ts";
import { isPerfData } from "./perf-file.ts";
import { FILE_MAGIC } from "./stored-layout.ts";
import { StoredTraceReader } from "./stored-reader.ts";
import { TraceDatReader } from "./trace-dat.ts";
import { TRACING_MAGIC } from "./tracing-header.ts";
import { VALGRIND_LINE, ValgrindReader } from "./valgrind.ts";

/** A form of trace that is read. */
export interface TraceForm {
  /** What `--format` takes. */
  readonly id: string;
  /** As it goes on after "it is". */
  readonly name: string;
  /** What the positions of its broken parts count. */
  readonly noun: "line" | "event" | "byte";
  /** Whether it is text, of whatever encoding. */
  readonly isText: boolean;
  /** What a line of it looks like, where single lines show it. */
  readonly line?: RegExp;
  /** Whether a file is one, by its first bytes; `text` are the same bytes decoded, where they are text. */
  readonly sniff?: (head: Uint8Array, text: string) => boolean;
  open(setting: ReaderSetting): TraceReader;
}

const MAGIC_BYTES = 4;
/** Lines of a .rep file before its first operation are numbers alone. */
const REP_HEAD = /^(?:\s*\d{1,15}\s*\n){3,4}\s*[arf] \d/;

/** The kernel's text: what a text is taken for that shows no other form. */
export const KERNEL_FORM: TraceForm = {
  id: "kernel",
  name: "text of ftrace, perf script, perf trace or trace-cmd report",
  noun: "line",
  isText: true,
  line: /\b(?:kmalloc|kmalloc_node|kfree|kmem_cache_(?:alloc|alloc_node|free)|mm_page(?:_alloc|_free|vec_free)\w{0,12})[:( ]/,
  open: (setting) => new KernelFormReader(setting),
};

function text(id: string, name: string, open: TraceForm["open"], shown: Pick<TraceForm, "line" | "sniff">): TraceForm {
  return { id, name, noun: "line", isText: true, open, ...shown };
}

/** All forms that are read; of two that fit a file equally well the first one is taken. */
export const TRACE_FORMS: readonly TraceForm[] = [
  {
    id: "kmem",
    name: "a trace in kmem's own format",
    noun: "byte",
    isText: false,
    sniff: (head) => startsWith(head, 0, head.length, FILE_MAGIC),
    open: (setting) => new StoredTraceReader(setting),
  },
  {
    id: "atrc",
    name: "a binary malloc trace (ATRC)",
    noun: "event",
    isText: false,
    sniff: (head) =>
      head.length >= MAGIC_BYTES &&
      new DataView(head.buffer, head.byteOffset).getUint32(0, true) === MALLOC_TRACE_MAGIC,
    open: (setting) => new MallocFormReader(setting),
  },
  KERNEL_FORM,
  {
    id: "tracedat",
    name: "a file of trace-cmd's (trace.dat)",
    noun: "byte",
    isText: false,
    sniff: (head) => startsWith(head, 0, head.length, TRACING_MAGIC),
    open: (setting) => new TraceDatReader(setting),
  },
  {
    id: "perfdata",
    name: "a file of perf's (perf.data)",
    noun: "byte",
    isText: false,
    sniff: isPerfData,
    open: (setting) => new PerfDataReader(setting),
  },
  text("mtrace", "a log of glibc's mtrace", (setting) => new MtraceReader(setting), { line: MTRACE_LINE }),
  text("valgrind", "a log of valgrind --trace-malloc=yes", (setting) => new ValgrindReader(setting), {
    line: VALGRIND_LINE,
  }),
  text("ltrace", "a log of ltrace", (setting) => new LtraceReader(setting), { line: LTRACE_LINE }),
  text("memory_replay", "a trace of Android's memory_replay", (setting) => new MemoryReplayReader(setting), {
    line: MEMORY_REPLAY_LINE,
  }),
  text("rep", "a trace of malloc-lab (.rep)", (setting) => new MallocLabReader(setting), {
    line: MALLOC_LAB_LINE,
    sniff: (_head, content) => REP_HEAD.test(content),
  }),
  text("heaptrack", "a file of heaptrack", (setting) => new HeaptrackReader(setting), { line: HEAPTRACK_LINE }),
  text("lttng", "text of LTTng-UST's malloc events", (setting) => new LttngReader(setting), { line: LTTNG_LINE }),
  text("bpftrace", "text that bpftrace printed", (setting) => new BpftraceReader(setting), { line: BPFTRACE_LINE }),
  text("heapprofile", "a heap profile of V8's", (setting) => new HeapProfileReader(setting), {
    sniff: (_head, content) => isHeapProfile(content),
  }),
  text("perfetto", "a trace in Chrome's JSON", (setting) => new ChromeJsonReader(setting), {
    sniff: (_head, content) => isChromeJson(content),
  }),
  text("csv", "CSV with a header", (setting) => new CsvReader(setting), {
    sniff: (_head, content) => csvColumns(content.replace(/^(?:#[^\n]*\n)*/, "").split(/\r?\n/, 1)[0]!) !== undefined,
  }),
];

/** The form with an id, undefined where there is none. */
export function formById(id: string): TraceForm | undefined {
  return TRACE_FORMS.find((form) => form.id === id);
}

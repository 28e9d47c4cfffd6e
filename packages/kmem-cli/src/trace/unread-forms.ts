import { anyOf } from "./any-of-patterns.ts";
/** A form of text that is not read as a trace, what it is, and how to come to a trace instead. */
export interface ForeignForm {
  /** As it goes on behind "it is". */
  readonly name: string;
  /** What to do, as a clause. */
  readonly advice: string;
}

/** Lines of one such form in a trace. */
export interface UnreadForm extends ForeignForm {
  readonly lineCount: number;
}

const RECORD_EVENTS =
  "record the events instead (`perf record -e 'kmem:*'` and `perf script`, or `trace-cmd record -e kmem` and " +
  "`trace-cmd report`)";
/** Of forms that are read, where they stand among lines of a kernel's. */
function alone(id: string): string {
  return `it is read in a file of its own, or with --format ${id}`;
}
const NO_BLOCKS = "it has the pages that malloc asks for and no blocks; use `ltrace` or `kmem record` instead";

/** Forms that lines of events show, which are recognised when their fields are read. */
export const UNHASHED: ForeignForm = {
  name: "kernel text with (____ptrval____) for addresses",
  advice:
    "the kernel had no key for its hashes yet, so nothing can be matched; record later, or boot with no_hash_pointers",
};
export const NAMELESS: ForeignForm = {
  name: "kernel text without the names of its events",
  advice: "print them as well (`perf script -F comm,pid,cpu,time,event,trace`)",
};
export const FIELDLESS: ForeignForm = {
  name: "kernel text without the fields of its events",
  advice: "print them as well (`perf script -F comm,pid,cpu,time,event,trace`)",
};
export const CUT_PERF_TRACE: ForeignForm = {
  name: "output of perf trace whose lines are cut",
  advice: "give the output of `perf record -e 'kmem:*'` and `perf script` instead",
};

interface Detector extends ForeignForm {
  /** What shows the form. */
  readonly pattern: RegExp;
  /** What else is of the form where lines before have shown it. */
  readonly goesOn?: RegExp;
}

/** A frame of a stack trace, and what stands above one. */
const STACK_FRAME =
  /^ *(?:\[<[0-9a-f]{1,16}>\] )?\S{1,256}\+0x[0-9a-f]{1,8}|^(?:CPU: \d|Call [Tt]race:|Hardware name:| *<\/?TASK>)/;

/**
 * What the lines of each form look like. The order counts where one line fits two; what a trace was recognised as
 * first is asked first from then on. All patterns need time linear in the line.
 */
const DETECTORS: readonly Detector[] = [
  {
    name: "SLUB's output for slab_debug=T (TRACE)",
    advice: `it lacks the sizes of objects; ${RECORD_EVENTS}`,
    pattern:
      /\bTRACE \S{1,64} (?:alloc|free) (?:0x)?\S{1,20} inuse=|(?:^|\s)Object (?:0x)?[0-9a-f]{8,16}: [0-9a-f]{2} /,
    goesOn: STACK_FRAME,
  },
  {
    name: "/proc/slabinfo",
    advice: `it has counts and no events; ${RECORD_EVENTS}`,
    pattern: /^slabinfo - version|^\S{1,64}(?: +\d{1,20}){5} : tunables | : slabdata +\d/,
  },
  {
    name: "output of page_owner",
    advice: `it lists pages and no frees; ${RECORD_EVENTS}`,
    pattern:
      /Page allocated via order \d|^PFN (?:0x)?[0-9a-f]{1,16} (?:type|Block) |page_owner (?:tracks|allocated|info)/,
    goesOn: STACK_FRAME,
  },
  {
    name: "output of kmemleak",
    advice: `it lists blocks and no frees; ${RECORD_EVENTS}`,
    pattern: anyOf(
      /^ *unreferenced object (?:0x)?[0-9a-f]{1,16}|kmemleak: /,
      /^ *comm "[^"]{0,64}", pid \d|^ *hex dump \(first |^ *backtrace(?: \(crc [0-9a-f]{1,8}\))?:$/,
    ),
    goesOn: /^ +(?:[0-9a-f]{2} ){4}|^ *(?:\[<[0-9a-f]{1,16}>\] )?\S{1,256}\+0x[0-9a-f]{1,8}/,
  },
  {
    name: "/proc/allocinfo",
    advice: `it has sums and no events; ${RECORD_EVENTS}`,
    pattern: /^allocinfo - version|^ *\d{1,20} +\d{1,20} \S{1,256}:\d{1,7} (?:\[\w{1,64}\] )?func:/,
  },
  {
    name: "another table of /proc (buddyinfo, vmallocinfo, meminfo, pagetypeinfo)",
    advice: `it has counts and no events; ${RECORD_EVENTS}`,
    pattern: anyOf(
      /^Node +\d{1,4}, zone +\w|^0x[0-9a-f]{8,16}-0x[0-9a-f]{8,16} +\d/,
      /^\w{3,40}(?:\(\w{1,20}\))?: +\d{1,20} kB$|^Page block order: /,
    ),
  },
  {
    name: "a histogram of ftrace",
    advice: `it has sums and no events; ${RECORD_EVENTS}`,
    pattern: /\} hitcount: +\d/,
  },
  {
    name: "a summary of perf kmem",
    advice: "give its perf.data instead, as it is",
    pattern: /^SUMMARY \((?:SLAB|page) allocator\)|^ *Callsite +\| Total_alloc/,
  },
  {
    name: "text of LTTng",
    advice: RECORD_EVENTS,
    pattern: /\bkmem_\w{1,40}: \{ cpu_id = /,
  },
  {
    name: "JSON",
    advice: "give the output of `perf script` or `trace-cmd report` as text instead",
    pattern: /"(?:call_site|bytes_req|bytes_alloc|linux-perf-json-version)" ?:/,
  },
  {
    name: "a map of bpftrace",
    advice: `it has sums and no events; ${RECORD_EVENTS}`,
    pattern: /^@\w{0,64}(?:\[.{0,400}\])?: -?\d|^@\w{0,64}\[$/,
  },
  {
    name: "output of perf trace",
    advice: "give the output of `perf record -e 'kmem:*'` and `perf script` instead",
    pattern: /^ *\d{1,12}\.\d{3} (?:\( *(?:\d{1,9}\.\d{3} ms)? *\):? )/,
  },
  {
    name: "a log of glibc's mtrace",
    advice: alone("mtrace"),
    pattern: /^= (?:Start|End)$|^@ .{0,400}[)\]] ?[-+<>!] (?:0x[0-9a-f]|\(nil)/,
  },
  {
    name: "a log of Android's memory_replay",
    advice: alone("memory_replay"),
    pattern: /^ *\d{1,10}: (?:malloc|calloc|realloc|memalign|aligned_alloc|free|thread_done) (?:0x)?[0-9a-f]/,
  },
  {
    name: "a log of valgrind --trace-malloc",
    advice: alone("valgrind"),
    pattern: /^(?:--|==)\d{1,10}(?:--|==) +(?:malloc|calloc|realloc|memalign|free|_Zn[wa]|_Zd[la]|operator |Memcheck)/,
  },
  {
    name: "a log of ltrace",
    advice: alone("ltrace"),
    pattern:
      /\b(?:malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign|free)\([^()]{0,200}\) *(?:=|<unfinished)/,
  },
  {
    name: "a log of strace",
    advice: NO_BLOCKS,
    pattern: /^(?:\[pid +\d{1,10}\] |\d{1,10} +)?(?:brk|mmap|munmap|mremap|madvise)\(/,
  },
  {
    name: "a file of heaptrack",
    advice: alone("heaptrack"),
    pattern: /^v [0-9a-f]{4,6} [0-9a-f]$|^X .*\/|^I [0-9a-f]{1,8} [0-9a-f]{1,8}$/,
    goesOn: /^[A-Za-z+#-] /,
  },
  { name: "a trace of malloc-lab (.rep)", advice: alone("rep"), pattern: /^(?:[ar] \d{1,10} \d{1,12}|f \d{1,10})$/ },
];

/** What a line is looked at up to. */
const LOOKED_AT = 512;

/** Names the forms of lines that are no trace, and counts them. */
export class FormDetector {
  readonly #counts = new Map<ForeignForm, number>();
  #last: Detector | undefined;

  /** The form that a line shows, or undefined. It is counted. */
  detect(line: string): ForeignForm | undefined {
    const text = line.slice(0, LOOKED_AT).trimEnd();
    const last = this.#last;
    const goesOn = last !== undefined && (last.pattern.test(text) || last.goesOn?.test(text) === true);
    const form = goesOn ? last : DETECTORS.find(({ pattern }) => pattern.test(text));
    if (form === undefined) return undefined;
    this.#last = form;
    this.count(form);
    return form;
  }

  /** Counts one line of a form that was recognised otherwise. */
  count(form: ForeignForm): void {
    this.#counts.set(form, (this.#counts.get(form) ?? 0) + 1);
  }

  /** The forms that were seen, the one with the most lines first. */
  forms(): UnreadForm[] {
    return Array.from(this.#counts, ([{ name, advice }, lineCount]) => ({ name, advice, lineCount })).sort(
      (a, b) => b.lineCount - a.lineCount,
    );
  }
}

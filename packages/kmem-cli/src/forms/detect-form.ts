import { asciiBytes, latin1, startsWith } from "../trace/line-scan.ts";
import { TextDecoder8, type TextEncoding } from "../trace/text-encoding.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { startsAsDump } from "./dump-head.ts";
import { KERNEL_FORM, TRACE_FORMS, type TraceForm } from "./known-forms.ts";

/** Lines at the beginning of a text that are looked at. */
const LINES_LOOKED_AT = 400;
/** What a line is looked at up to. */
const LINE_LENGTH = 512;

/** Binary files that are brought along by mistake, and what to do about it. */
const FOREIGN_FILES: readonly (readonly [Uint8Array, string])[] = [
  [asciiBytes("\xfd7zXZ"), "it is packed with xz; unpack it first (`xz -dc FILE | kmem replay -`)"],
  [asciiBytes("BZh"), "it is packed with bzip2; unpack it first (`bzip2 -dc FILE | kmem replay -`)"],
  [asciiBytes("PK\x03\x04"), "it is a zip archive; unpack it first"],
];

const DUMP_ADVICE =
  "it is no trace but a dump of a heap: kmem stat, info, leaks, check and inspect read it, and kmem trace prints the " +
  "events of its trace ring";

/** Texts that have sums in them and no events, and what to do about it. */
const FOREIGN_TEXTS: readonly (readonly [RegExp, string])[] = [
  [
    /^\s*\{\s*"dhatFileVersion"/,
    "it is a file of DHAT: it has sums by stack and no events in their order; run the program under " +
      "`valgrind --trace-malloc=yes`, heaptrack or `kmem record` instead",
  ],
  [
    /^desc: .*\ncmd: .*\ntime_unit: /,
    "it is a file of massif: it has snapshots of sums and no events; run the program under " +
      "`valgrind --trace-malloc=yes`, heaptrack or `kmem record` instead",
  ],
  [/^heap_v2\/\d/, "it is a heap profile of jemalloc: it has sums and no events; use `kmem record` instead"],
  [
    /^heap profile: +\d+: +\d+ \[/,
    "it is a heap profile of tcmalloc: it has sums and no events; use `kmem record` instead",
  ],
  [
    /^\{"snapshot":\{"meta":/,
    "it is a heap snapshot of V8's: it has objects and no events; record a .heapprofile (DevTools: Allocation " +
      "sampling, or `node --heap-prof`)",
  ],
  [
    /^___ Begin jemalloc statistics ___|^heap stats: +peak +total|^MALLOC: +\d+ \(/,
    "it is a summary that an allocator prints of itself: it has sums and no events; use `kmem record` instead",
  ],
];

/**
 * Finds out what an unpacked trace is by its first bytes; undefined for a text that shows no form. That is taken for
 * the kernel's, whose reader tells of each line why it cannot be read.
 *
 * @throws TraceFormatError with what to do, when it is something that is not read.
 */
export function shownForm(head: Uint8Array, encoding: TextEncoding): TraceForm | undefined {
  for (const [magic, advice] of FOREIGN_FILES) {
    if (startsWith(head, 0, head.length, magic)) throw new TraceFormatError(advice);
  }
  const decoded = new TextDecoder8(encoding).decode(head);
  const text = latin1(decoded, 0, decoded.length);
  const sniffed = TRACE_FORMS.find(({ sniff, isText }) => sniff?.(head, isText ? text : "") === true);
  if (sniffed !== undefined) return sniffed;
  if (startsAsDump(head)) throw new TraceFormatError(DUMP_ADVICE);
  if (encoding === "bytes" && head.includes(0)) {
    throw new TraceFormatError("it is neither text nor a binary trace that is read (--help names the forms)");
  }
  for (const [pattern, advice] of FOREIGN_TEXTS) if (pattern.test(text)) throw new TraceFormatError(advice);
  return byLines(text);
}

/** As {@link shownForm}, and the kernel's text for a text that shows no form. */
export function detectForm(head: Uint8Array, encoding: TextEncoding): TraceForm {
  return shownForm(head, encoding) ?? KERNEL_FORM;
}

/** The form that most lines show, the kernel's first; undefined where none does. */
function byLines(text: string): TraceForm | undefined {
  const lines = text.split(/\r?\n|\r/, LINES_LOOKED_AT).map((line) => line.slice(0, LINE_LENGTH));
  let best: TraceForm | undefined;
  let bestCount = 0;
  for (const form of [KERNEL_FORM, ...TRACE_FORMS]) {
    const count = countLines(form, lines);
    if (count > bestCount) {
      best = form;
      bestCount = count;
    }
  }
  return best;
}

function countLines({ line }: TraceForm, lines: readonly string[]): number {
  return line === undefined ? 0 : lines.filter((one) => line.test(one)).length;
}

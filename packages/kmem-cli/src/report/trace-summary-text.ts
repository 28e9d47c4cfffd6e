import { printableLine } from "../text/printable.ts";
import type { TextStyle } from "../text/terminal.ts";
import { formatCount, formatCounted } from "../text/units.ts";
import { wrapText } from "../text/wrap-text.ts";
import type { BrokenReport } from "../trace/broken-log.ts";
import { type FreeMatch, matchPercent } from "../trace/free-match.ts";
import type { KernelSummary, MallocSummary, TraceSummary } from "../trace/trace-summary.ts";

/** Broken lines that are shown; the report as JSON has more. */
const SHOWN_BROKEN_LINES = 5;
const MATCH_DIGITS = 2;
const ELLIPSIS = "…";
const CONTINUATION = "    ";

/** What a trace held, in a few lines. */
export function traceSummaryText(name: string, summary: TraceSummary, style: TextStyle): string {
  const { colors } = style;
  const about = summary.format === "malloc" ? mallocLines(summary) : kernelLines(summary);
  const broken = brokenLines(summary.broken, summary.format === "malloc" ? "event" : "line", style.columns);
  return [
    `${colors.bold(name)}: ${kindText(summary)}`,
    ...about.map((line) => wrapText(`  ${line}`, style.columns, CONTINUATION)),
    ...broken.map((line) => `  ${colors.yellow(line)}`),
  ].join("\n");
}

/** What of a trace was not read, for a reader of the errors alone: how much, and what can be done. */
export function unreadTexts(name: string, summary: TraceSummary): string[] {
  const { count } = summary.broken;
  if (count === 0) return [];
  const noun = summary.format === "malloc" ? "event" : "line";
  const forms = summary.format === "kernel" ? summary.unread : [];
  return [
    `${name}: ${formatCounted(count, `broken ${noun}`)} left out`,
    ...forms.map((form) => `${name}: ${formatCounted(form.lineCount, "line")} of ${form.name}: ${form.advice}`),
  ];
}

function kindText(summary: TraceSummary): string {
  const packing = summary.compression === "none" ? "" : `, packed with ${summary.compression}`;
  if (summary.format === "kernel") return `kernel trace${packing}`;
  return `malloc trace of a ${summary.header.pointerBits}-bit program${packing}`;
}

function mallocLines(summary: MallocSummary): string[] {
  const { events, eventCount, opCount, header } = summary;
  const byName = Object.entries(events).map(([name, count]) => `${formatCount(count)} ${name}`);
  const matched = opCount === eventCount ? "all matched" : `${formatCount(opCount)} matched`;
  return [
    `${formatCounted(eventCount, "event")}, ${matched}: ${byName.join(", ")}`,
    ...(header.cutByRecorder ? ["the recorder stopped at its limit; the program went on"] : []),
  ];
}

function kernelLines(summary: KernelSummary): string[] {
  const { lines, objects, pages, opCount } = summary;
  const eventCount = lines.kmemEvent + lines.otherEvent;
  const rates = [
    rateText("kfree", objects.kfree),
    rateText("cache frees", objects.cacheFree),
    rateText("page frees", pages.pageFree),
  ];
  const notReplayed = notReplayedTexts(summary);
  const impliedCount = objects.impliedFreeCount + pages.impliedFreeCount;
  return [
    `${formatCounted(eventCount, "event")} in ${formatCounted(lines.total, "line")}, ` +
      `${formatCounted(opCount, "operation")} to replay`,
    `matched: ${rates.join(", ")}`,
    ...(notReplayed.length > 0 ? [`not replayed: ${notReplayed.join(", ")}`] : []),
    ...(impliedCount > 0
      ? [`added: ${formatCounted(impliedCount, "free")} implied by an allocation at the place`]
      : []),
    ...(summary.lostEventCount > 0 ? [`the recorder lost ${formatCounted(summary.lostEventCount, "event")}`] : []),
  ];
}

function rateText(name: string, match: FreeMatch): string {
  const percent = matchPercent(match);
  return percent === undefined
    ? `no ${name}`
    : `${percent.toFixed(MATCH_DIGITS)} % of ${formatCount(match.freeCount)} ${name}`;
}

function notReplayedTexts({ lines, events, objects, pages }: KernelSummary): string[] {
  const items: [count: number, singular: string, plural?: string][] = [
    [objects.kfree.nullFreeCount + objects.cacheFree.nullFreeCount, "free of null", "frees of null"],
    [
      objects.kfree.unknownCount + objects.cacheFree.unknownCount + pages.pageFree.unknownCount,
      "unknown free",
      "unknown frees",
    ],
    [events["mm_page_free_batched"] ?? 0, "batched page free"],
    [objects.failedAllocCount + pages.failedAllocCount, "failed allocation"],
    [objects.repeatedReportCount, "repeated report"],
    [lines.otherEvent, "other event"],
  ];
  return items.filter(([count]) => count > 0).map(([count, ...noun]) => formatCounted(count, ...noun));
}

function brokenLines(broken: BrokenReport, noun: "event" | "line", columns: number): string[] {
  if (broken.count === 0) return [];
  const shown = broken.first.slice(0, SHOWN_BROKEN_LINES);
  const isAll = shown.length === broken.count;
  const reasons = Object.entries(broken.countByReason).map(([reason, count]) => `${formatCount(count)} × ${reason}`);
  return [
    `${formatCounted(broken.count, `broken ${noun}`)} left out${isAll ? "" : `, the first ${shown.length} of them`}:`,
    ...shown.map(({ position, reason, text }) =>
      cut(`  ${noun} ${position}: ${printableLine(`${reason}: ${text.trim()}`)}`, columns - 2),
    ),
    ...(isAll ? [] : reasons.map((line) => cut(`  in all: ${line}`, columns - 2))),
  ];
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}${ELLIPSIS}`;
}

import { formById } from "../forms/known-forms.ts";
import { printableLine } from "../system/printable.ts";
import type { TextStyle } from "../system/terminal.ts";
import { formatBytes, formatCount, formatCounted } from "../system/units.ts";
import { wrapText } from "../system/wrap-text.ts";
import type { BrokenReport } from "../trace/broken-log.ts";
import { type FreeMatch, matchPercent } from "../trace/free-match.ts";
import type {
  KernelSummary,
  MallocSummary,
  NativeSummary,
  StoredSummary,
  TraceSummary,
} from "../trace/trace-summary.ts";

/** Broken lines that are shown; the report as JSON has more. */
const SHOWN_BROKEN_LINES = 5;
const MATCH_DIGITS = 2;
const ELLIPSIS = "…";
const CONTINUATION = "    ";

/** What a trace held, in a few lines. */
export function traceSummaryText(name: string, summary: TraceSummary, style: TextStyle): string {
  const { colors } = style;
  const broken = brokenLines(summary.broken, nounOf(summary), style.columns);
  return [
    `${colors.bold(name)}: ${kindText(summary)}`,
    ...linesOf(summary).map((line) => wrapText(`  ${line}`, style.columns, CONTINUATION)),
    ...broken.map((line) => `  ${colors.yellow(line)}`),
  ].join("\n");
}

/** What of a trace was not read, for a reader of the errors alone: how much, and what can be done. */
export function unreadTexts(name: string, summary: TraceSummary): string[] {
  const { count } = summary.broken;
  if (count === 0) return [];
  const noun = nounOf(summary) === "line" ? "line" : "event";
  const forms = summary.format === "kernel" ? summary.unread : [];
  return [
    `${name}: ${formatCounted(count, `broken ${noun}`)} left out`,
    ...forms.map((form) => `${name}: ${formatCounted(form.lineCount, "line")} of ${form.name}: ${form.advice}`),
  ];
}

/** What the positions of broken parts count. */
function nounOf({ form }: TraceSummary): "line" | "event" | "byte" {
  return formById(form)?.noun ?? "line";
}

function linesOf(summary: TraceSummary): string[] {
  switch (summary.format) {
    case "malloc":
      return mallocLines(summary);
    case "native":
      return nativeLines(summary);
    case "kmem":
      return storedLines(summary);
    default:
      return kernelLines(summary);
  }
}

function kindText(summary: TraceSummary): string {
  const packing = summary.compression === "none" ? "" : `, packed with ${summary.compression}`;
  switch (summary.format) {
    case "kernel":
      return nounOf(summary) === "line"
        ? `kernel trace${packing}`
        : `kernel trace, ${formById(summary.form)?.name ?? summary.form}${packing}`;
    case "malloc":
      return `malloc trace of a ${summary.header.pointerBits}-bit program${packing}`;
    default:
      return `${formById(summary.form)?.name ?? summary.form}${packing}`;
  }
}

function eventsText(events: Readonly<Record<string, number>>): string {
  return Object.entries(events)
    .map(([name, count]) => `${formatCount(count)} ${name}`)
    .join(", ");
}

function nativeLines(summary: NativeSummary): string[] {
  const { events, frees, lineCount, opCount, live } = summary;
  const eventCount = Object.values(events).reduce((sum, count) => sum + count, 0);
  const items: [count: number, singular: string, plural?: string][] = [
    [frees.nullFreeCount, "free of null", "frees of null"],
    [frees.unknownCount, "unknown free"],
    [summary.failedAllocCount, "failed allocation"],
  ];
  const left = items.filter(([count]) => count > 0).map(([count, ...noun]) => formatCounted(count, ...noun));
  return [
    `${formatCounted(eventCount, "event")} in ${formatCounted(lineCount, "line")}, ` +
      `${formatCounted(opCount, "operation")} to replay: ${eventsText(events)}`,
    `matched: ${rateText("frees", frees)}; at most ${formatBytes(live.peakLiveBytes)} live`,
    ...(left.length > 0 ? [`not replayed: ${left.join(", ")}`] : []),
    ...(summary.impliedFreeCount > 0
      ? [`added: ${formatCounted(summary.impliedFreeCount, "free")} implied by an allocation at the place`]
      : []),
  ];
}

function storedLines({ eventCount, events, opCount, live, notes }: StoredSummary): string[] {
  const source = notes["source form"];
  return [
    `${formatCounted(eventCount, "event")}, ${formatCounted(opCount, "operation")} to replay: ${eventsText(events)}`,
    `at most ${formatBytes(live.peakLiveBytes)} live${source === undefined ? "" : `; made from a trace of the form ${source}`}`,
  ];
}

function mallocLines(summary: MallocSummary): string[] {
  const { events, eventCount, opCount, header } = summary;
  const matched = opCount === eventCount ? "all matched" : `${formatCount(opCount)} matched`;
  return [
    `${formatCounted(eventCount, "event")}, ${matched}: ${eventsText(events)}`,
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
  const where = nounOf(summary) === "line" ? ` in ${formatCounted(lines.total, "line")}` : "";
  const impliedCount = objects.impliedFreeCount + pages.impliedFreeCount;
  return [
    `${formatCounted(eventCount, "event")}${where}, ${formatCounted(opCount, "operation")} to replay`,
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

function brokenLines(broken: BrokenReport, noun: "event" | "line" | "byte", columns: number): string[] {
  if (broken.count === 0) return [];
  const shown = broken.first.slice(0, SHOWN_BROKEN_LINES);
  const isAll = shown.length === broken.count;
  const reasons = Object.entries(broken.countByReason).map(([reason, count]) => `${formatCount(count)} × ${reason}`);
  return [
    `${formatCounted(broken.count, `broken ${noun === "byte" ? "part" : noun}`)} left out${isAll ? "" : `, the first ${shown.length} of them`}:`,
    ...shown.map(({ position, reason, text }) =>
      cut(`  ${noun} ${position}: ${printableLine(`${reason}: ${text.trim()}`)}`, columns - 2),
    ),
    ...(isAll ? [] : reasons.map((line) => cut(`  in all: ${line}`, columns - 2))),
  ];
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}${ELLIPSIS}`;
}

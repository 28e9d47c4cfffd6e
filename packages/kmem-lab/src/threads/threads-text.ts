import type { Absence } from "kmem-cli/internal/replay/contender";
import { type PlainRow, plainTable } from "kmem-cli/internal/system/plain-table";
import type { TextStyle } from "kmem-cli/internal/system/terminal";
import { formatCounted, threeDigits } from "kmem-cli/internal/system/units";
import { wrapText } from "kmem-cli/internal/system/wrap-text";
import type { ReadyThreadContender } from "./contenders.ts";
import { figuresOf, type ThreadsReport, type ThreadWorkloadReport, type ThroughputGoal } from "./report.ts";

const MILLION = 1e6;
const RATIO_DIGITS = 2;
const NAME_GAP = 2;
const NOTHING = "–";
const INDENT = "  ";

/** The allocators that take part and what they are, a line each, and those that do not, with the reason. */
export function threadContendersText(
  ready: readonly Pick<ReadyThreadContender, "name" | "version">[],
  absent: readonly Absence[],
  { colors }: TextStyle,
): string {
  const width = Math.max(...[...ready, ...absent].map(({ name }) => name.length)) + NAME_GAP;
  return [
    colors.bold("allocators"),
    ...ready.map(({ name, version }) => `${INDENT}${name.padEnd(width)}${version}`),
    ...absent.map(({ name, reason }) => `${INDENT}${name.padEnd(width)}${colors.yellow(`not here: ${reason}`)}`),
  ].join("\n");
}

/** Millions of operations per second. */
export function millions(opsPerSecond: number): string {
  return threeDigits(opsPerSecond / MILLION);
}

/** A table for each number of threads, what the workloads are, and the goals. */
export function threadsText(report: ThreadsReport, style: TextStyle): string {
  const { settings, workloads, goals } = report;
  const { bold, dim } = style.colors;
  return [
    ...settings.threadCounts.map((threadCount) => rateTable(report, threadCount, style)),
    dim(
      "Millions of operations per second, more is better: the median of the rounds, and the slowest and fastest of them.",
    ),
    [bold("workloads"), ...workloads.map(({ name, summary }) => describe(name, summary, style))].join("\n"),
    goalTable(goals, style),
  ].join("\n\n");
}

function describe(name: string, summary: string, { columns }: TextStyle): string {
  return wrapText(`${INDENT}${name}: ${summary}`, columns, INDENT + INDENT);
}

function rateTable({ allocators, workloads }: ThreadsReport, threadCount: number, style: TextStyle): string {
  const rows = workloads.map((workload): PlainRow => {
    return [workload.name, ...allocators.map(({ name }) => rateCell(workload, name, threadCount, style))];
  });
  return plainTable([formatCounted(threadCount, "thread"), ...allocators.map(({ name }) => name)], rows);
}

function rateCell(
  workload: ThreadWorkloadReport,
  allocator: string,
  threadCount: number,
  { colors }: TextStyle,
): string {
  const figures = figuresOf(workload, allocator, threadCount);
  if (figures === undefined) return colors.red("failed");
  const { medianOpsPerSecond, minOpsPerSecond, maxOpsPerSecond } = figures;
  return `${millions(medianOpsPerSecond)} ${colors.dim(`(${millions(minOpsPerSecond)}–${millions(maxOpsPerSecond)})`)}`;
}

function goalTable(goals: readonly ThroughputGoal[], { colors }: TextStyle): string {
  const rows = goals.map(({ name, goal, ratio }): PlainRow => {
    const text = ratioText(ratio);
    return [name, `at least ${goal}`, ratio !== undefined && ratio < goal ? colors.yellow(`${text} (missed)`) : text];
  });
  return plainTable(["ratio of throughput", "goal", "measured"], rows);
}

/** A ratio, or that it could not be found out. */
export function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? NOTHING : ratio.toFixed(RATIO_DIGITS);
}

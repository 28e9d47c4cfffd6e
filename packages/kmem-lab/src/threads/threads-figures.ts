import type { Cells } from "../figures/csv.ts";
import { figuresOf, type ThreadsReport } from "./report.ts";
import { millions, ratioText } from "./threads-text.ts";

const RATE_DIGITS = 0;
const SECONDS_DIGITS = 4;
const NOTHING = "–";
const STEP = " → ";

/** Every figure of the threads, for the CSV file. */
export function threadsRows({ workloads }: ThreadsReport): Cells {
  const rows = workloads.flatMap(({ name, results }) =>
    results.map(({ allocator, threadCount, figures }) => [
      name,
      allocator,
      threadCount,
      figures?.operationCount ?? "",
      figures?.medianSeconds.toFixed(SECONDS_DIGITS) ?? "",
      figures?.medianOpsPerSecond.toFixed(RATE_DIGITS) ?? "",
      figures?.minOpsPerSecond.toFixed(RATE_DIGITS) ?? "",
      figures?.maxOpsPerSecond.toFixed(RATE_DIGITS) ?? "",
    ]),
  );
  const header = ["workload", "allocator", "threads", "operations", "seconds_median"];
  return [[...header, "ops_per_second_median", "ops_per_second_min", "ops_per_second_max"], ...rows];
}

/** Millions of operations per second: workloads down, allocators across, the numbers of threads side by side. */
export function threadsTable({ settings, allocators, workloads }: ThreadsReport): Cells {
  const { threadCounts } = settings;
  const cell = (workload: ThreadsReport["workloads"][number], allocator: string): string =>
    threadCounts
      .map((count) => figuresOf(workload, allocator, count)?.medianOpsPerSecond)
      .map((rate) => (rate === undefined ? NOTHING : millions(rate)))
      .join(STEP);
  return [
    [`million operations/s, threads: ${threadCounts.join(STEP)}`, ...allocators.map(({ name }) => name)],
    ...workloads.map((workload) => [workload.name, ...allocators.map(({ name }) => cell(workload, name))]),
  ];
}

/** The ratios that kmem is to reach of throughput and what came of them. */
export function throughputGoalsTable({ goals }: ThreadsReport): Cells {
  return [
    ["ratio of throughput", "goal", "measured"],
    ...goals.map(({ name, goal, ratio }) => [name, `≥ ${goal}`, ratioText(ratio)]),
  ];
}

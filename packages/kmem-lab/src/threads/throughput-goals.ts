import { figuresOf, type ThreadWorkloadReport, type ThroughputGoal } from "./report.ts";

/** What two threads of kmem are to do on local churn, beside one. */
const LOCAL_SCALING_GOAL = 1.9;
/** What two threads are to do on everything else: not less than one. */
const SCALING_GOAL = 1;
const MIMALLOC_GOAL = 0.5;
const GLIBC_GOAL = 1;
const ONE = 1;
const TWO = 2;

interface Side {
  readonly allocator: string;
  readonly threadCount: number;
}

function ratioGoal(
  name: string,
  goal: number,
  workload: ThreadWorkloadReport,
  [upper, lower]: [Side, Side],
): ThroughputGoal {
  const above = figuresOf(workload, upper.allocator, upper.threadCount)?.medianOpsPerSecond;
  const beneath = figuresOf(workload, lower.allocator, lower.threadCount)?.medianOpsPerSecond;
  return { name, goal, ...(above === undefined || beneath === undefined ? {} : { ratio: above / beneath }) };
}

function scaling(workload: ThreadWorkloadReport): ThroughputGoal {
  const goal = workload.name === "local" ? LOCAL_SCALING_GOAL : SCALING_GOAL;
  return ratioGoal(`${workload.name}: 2 threads / 1 thread`, goal, workload, [
    { allocator: "kmem", threadCount: TWO },
    { allocator: "kmem", threadCount: ONE },
  ]);
}

function beside(workload: ThreadWorkloadReport, allocator: string, goal: number): ThroughputGoal {
  return ratioGoal(`${workload.name}, 2 threads: kmem / ${allocator}`, goal, workload, [
    { allocator: "kmem", threadCount: TWO },
    { allocator, threadCount: TWO },
  ]);
}

/** The ratios of throughput that kmem is to reach, as far as their workloads were run. */
export function goalsOf(workloads: readonly ThreadWorkloadReport[]): ThroughputGoal[] {
  return workloads.flatMap((workload) => [
    scaling(workload),
    ...(workload.name === "xmalloc"
      ? [beside(workload, "mimalloc", MIMALLOC_GOAL), beside(workload, "glibc", GLIBC_GOAL)]
      : []),
  ]);
}

import type { WorkThread } from "./work/work.ts";
import { prepareCacheScratch, runCacheScratch } from "./workloads/cache-scratch.ts";
import { runLarson, runLocal } from "./workloads/churn.ts";
import { runMstress } from "./workloads/mstress.ts";
import { runRptest } from "./workloads/rptest.ts";
import { runSh6, runSh8 } from "./workloads/sizes.ts";
import { runXmalloc } from "./workloads/xmalloc.ts";

/** Something that several threads do with a heap. */
export interface ThreadWorkload {
  readonly name: string;
  /** What it does, for a reader who does not know it. */
  readonly summary: string;
  /** How much a thread does in a run of full length, about half a second; in a measure of the workload's own. */
  readonly amount: number;
  /** Threads that follow each other in a lane; all are there from the start, and each waits for the one before. */
  readonly generationCount: number;
  readonly run: (thread: WorkThread, amount: number) => void;
  /** What the main thread does before each phase. */
  readonly prepare?: (thread: WorkThread) => void;
}

/** All workloads, in the order of the table; native/thread-workloads.c has the same. */
export const THREAD_WORKLOADS: readonly ThreadWorkload[] = [
  {
    name: "local",
    summary: "each thread frees only what it allocated: random sizes 16 to 1024, 1000 blocks live",
    amount: 12_000_000,
    generationCount: 1,
    run: runLocal,
  },
  {
    name: "larson",
    summary: "random blocks of 8 to 1000 bytes are replaced; each thread leaves its 5000 blocks to a successor",
    amount: 3_000_000,
    generationCount: 3,
    run: runLarson,
  },
  {
    name: "xmalloc",
    summary: "half of the threads only allocate, the others only free; batches of 4096 go through a queue",
    amount: 4000,
    generationCount: 1,
    run: runXmalloc,
  },
  {
    name: "mstress",
    summary: "allocates and frees at random, keeps some, swaps some through an exchange that all share",
    amount: 4000,
    generationCount: 2,
    run: runMstress,
  },
  {
    name: "cache-scratch",
    summary: "each thread writes 1000 times to a block of 8 bytes, frees it, and takes the next",
    amount: 600_000,
    generationCount: 1,
    run: runCacheScratch,
    prepare: prepareCacheScratch,
  },
  {
    name: "sh6",
    summary: "runs of growing sizes; half is freed oldest first, half youngest first, some stay for long",
    amount: 1500,
    generationCount: 1,
    run: runSh6,
  },
  {
    name: "sh8",
    summary: "as sh6, but the half that goes oldest first is freed by another thread",
    amount: 1200,
    generationCount: 1,
    run: runSh8,
  },
  {
    name: "rptest",
    summary: "sizes 8 to 16,000, small ones more often; every other part is freed by another thread",
    amount: 70_000,
    generationCount: 1,
    run: runRptest,
  },
];

/** The workload of a name. Throws where there is none. */
export function findWorkload(name: string): ThreadWorkload {
  const workload = THREAD_WORKLOADS.find((one) => one.name === name);
  if (workload === undefined) throw new Error(`there is no workload "${name}"`);
  return workload;
}

import type { Scenario } from "../explore/scenario.ts";
import {
  allocAndFree,
  allocTogether,
  barnExchange,
  flushTogether,
  refillTogether,
  sameFree,
  transferTogether,
} from "./blocks.ts";
import type { Kmem } from "./kmem.ts";
import { partsFreed, pcpLists, sameRunFreed } from "./pages.ts";
import {
  attachTogether,
  closeWhileUsed,
  comeAndGo,
  growTogether,
  leaveWhileUsed,
  waitForLeaver,
  waitForRun,
} from "./threads.ts";

/** A scenario of the library. */
export interface Case {
  readonly scenario: Scenario<never>;
  /** Interleavings that there are at the least: fewer mean that the explorer no longer sees what threads share. */
  readonly interleavingsMin: number;
  /** Runs after which a test gives up; a campaign goes on to the end. Where it is left out, the test runs all. */
  readonly testRuns?: number;
}

/** Every scenario of two threads on a heap, by subject. */
export function heapCases(kmem: Kmem): Readonly<Record<"blocks" | "pages" | "threads", readonly Case[]>> {
  const one = <World>(scenario: Scenario<World>, interleavingsMin: number, testRuns?: number): Case => {
    const base = { scenario: scenario as unknown as Scenario<never>, interleavingsMin };
    return testRuns === undefined ? base : { ...base, testRuns };
  };
  return {
    blocks: [
      one(allocTogether(kmem), 20),
      one(allocAndFree(kmem), 20),
      one(barnExchange(kmem), 2),
      one(flushTogether(kmem), 2),
      one(refillTogether(kmem), 8),
      one(sameFree(kmem, true, 0), 4),
      one(sameFree(kmem, true, 2), 300, 900),
      one(sameFree(kmem, false, 0), 4),
      one(sameFree(kmem, false, 2), 300, 900),
      one(transferTogether(kmem, "block"), 4),
      one(transferTogether(kmem, "large block"), 4),
      one(transferTogether(kmem, "pages"), 4),
    ],
    pages: [
      one(sameRunFreed(kmem, 1), 10),
      one(sameRunFreed(kmem, 3), 20),
      one(pcpLists(kmem, [1, 1]), 2),
      one(pcpLists(kmem, [1, 3]), 3),
      one(pcpLists(kmem, [3, 3]), 2),
      one(partsFreed(kmem), 3),
    ],
    threads: [
      one(growTogether(kmem), 100),
      one(comeAndGo(kmem), 10),
      one(leaveWhileUsed(kmem), 4),
      one(attachTogether(kmem), 10),
      one(waitForRun(kmem), 10),
      one(waitForLeaver(kmem), 100, 200),
      one(closeWhileUsed(kmem), 100, 200),
    ],
  };
}

import { type BugReport, DebugHeap } from "../../../src/debug/index.ts";
import { blocksOf, checkHeap } from "../../../src/index.ts";
import { MIB } from "../../support/memories.ts";
import { inTwoThreads } from "../../support/trade.ts";
import type { CleanResult } from "./clean.ts";
import type { CleanOrders, CleanTrade } from "./clean-worker.ts";

const PARTIES = 2;
/** Whoever takes a block gives it back. */
const OPERATIONS_A_BLOCK = 2;

/** Two threads that trade blocks of one debugged heap, and make no mistakes. */
export async function cleanThreads(operations: number): Promise<CleanResult> {
  const reports: string[] = [];
  const report = (bug: BugReport): void => void reports.push(bug.text());
  const heap = DebugHeap.create({ sizeBytes: 32 * MIB, report });
  heap.createCache({ name: "traded", sizeBytes: 100 });
  const { handle } = heap;
  const steps = Math.ceil(operations / PARTIES / OPERATIONS_A_BLOCK);
  const worker = new URL("./clean-worker.ts", import.meta.url);
  const results = await inTwoThreads<CleanTrade>(worker, (orders): CleanOrders => ({ ...orders, handle }), steps);
  for (const { reports: heard } of results) reports.push(...heard);
  heap.trim();
  const findings = [...checkHeap(heap).findings, ...blocksOf(heap)];
  const done = results.reduce((sum, { taken }) => sum + taken * OPERATIONS_A_BLOCK, 0);
  return { operations: done, reports, findings };
}

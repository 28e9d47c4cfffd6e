import { checkHeap } from "../heap/check.ts";
import { checkDump as checkLayersOf, type DumpRepair, dumpHeap, repairDumpWith } from "../heap/dumps.ts";
import type { Heap } from "../heap/heap.ts";
import { dumpMode } from "../heap/load-dump.ts";
import { repairHeap } from "../heap/repair.ts";
import type { CheckReport } from "../kmalloc/check.ts";
import { KmemError } from "../memory/errors.ts";
import type { Finding } from "../memory/finding.ts";
import { openHeap } from "./open-heap.ts";
import { remakeRoot } from "./repair-root.ts";

/**
 * As `checkDump` of `kmem`, and what `check()` of a debugged or sampled heap finds around its blocks. Where the heap
 * cannot be opened for what is damaged in its layers, its blocks are looked at in a copy in which that is repaired.
 */
export function checkDump(dump: Uint8Array): CheckReport {
  const report = checkLayersOf(dump);
  if (isPlain(dump)) return report;
  const sound = report.isClean ? dump : repairDumpWith(dump, remakeRoot).dump;
  const own = sound === undefined || isPlain(sound) ? [] : debugFindings(openHeap(sound));
  return { isClean: report.isClean && own.length === 0, findings: [...report.findings, ...own] };
}

/**
 * As `repairDump` of `kmem`, and what `repair()` of a debugged or sampled heap repairs around its blocks. Whether it is
 * repaired is what {@link checkDump} says of the dump that it returns.
 */
export function repairDump(dump: Uint8Array): DumpRepair {
  const report = repairDumpWith(dump, remakeRoot);
  if (report.dump === undefined || isPlain(report.dump)) return report;
  const heap = openHeap(report.dump);
  // Where there is nothing to repair the dump stays what it is, but for its layers.
  if (debugFindings(heap).length === 0) return report;
  const own = repairHeap(heap);
  const repaired = dumpHeap(heap);
  const { isClean, findings: remaining } = checkDump(repaired);
  return {
    isRepaired: isClean,
    findings: [...report.findings, ...own.findings],
    steps: [...report.steps, ...own.steps],
    remaining,
    dump: isClean ? repaired : undefined,
  };
}

/** Whether a dump is for certain that of a heap without anything around its blocks. */
function isPlain(dump: Uint8Array): boolean {
  try {
    return dumpMode(dump) === 0;
  } catch (error) {
    if (error instanceof KmemError) return false;
    throw error;
  }
}

function debugFindings(heap: Heap): Finding[] {
  return checkHeap(heap).findings.filter(({ layer }) => layer === "debug");
}

import { type CheckReport, checkResting } from "./kmalloc/check.ts";
import { restingLayers } from "./kmalloc/layers.ts";
import { type OpenedDump, openDump, writeDump } from "./memory/dump.ts";
import { KmemError } from "./memory/errors.ts";
import type { Finding } from "./memory/finding.ts";
import { PAGE_SIZE } from "./memory/layout.ts";
import { LinearMemory } from "./memory/memory.ts";
import { mendHeader } from "./repair/mend-header.ts";
import { type Mend, MendLog } from "./repair/mend-log.ts";
import { type RepairReport, repairLayers } from "./repair/repair.ts";

/** What became of a damaged dump. */
export interface DumpRepair extends RepairReport {
  /** The repaired heap's dump; undefined where it could not be repaired. */
  readonly dump: Uint8Array<ArrayBuffer> | undefined;
}

function memoryOf(opened: OpenedDump): LinearMemory {
  const memory = new LinearMemory(new ArrayBuffer(opened.byteLength));
  opened.copyTo(memory.bytes);
  return memory;
}

/** What a header that cannot be read is to a check. */
function headerFinding(error: unknown, address: number): Finding {
  if (!(error instanceof KmemError)) throw error;
  return { layer: "header", address, problem: error.message };
}

/**
 * Verifies every invariant of a dumped heap without opening it, so that any damage within is reported. Throws as
 * `Heap.load` does where the bytes are no dump. O(heap).
 */
export function checkDump(dump: Uint8Array): CheckReport {
  const opened = openDump(dump);
  try {
    return checkResting(restingLayers(memoryOf(opened), opened.start));
  } catch (error) {
    return { isClean: false, findings: [headerFinding(error, opened.start)] };
  }
}

/**
 * Repairs a copy of a dumped heap as `heap.repair` does. Throws as `Heap.load` does where the bytes are no dump. O(heap).
 */
export function repairDump(dump: Uint8Array): DumpRepair {
  const opened = openDump(dump);
  const memory = memoryOf(opened);
  const mends: Mend[] = [];
  const unreadable: Finding[] = [];
  try {
    restingLayers(memory, opened.start);
  } catch (error) {
    unreadable.push(headerFinding(error, opened.start));
  }
  try {
    mendHeader(memory, opened.start, opened.byteLength / PAGE_SIZE, new MendLog(mends, "header"));
  } catch (error) {
    const remaining = [headerFinding(error, opened.start)];
    return { isRepaired: false, findings: unreadable, mends, remaining, dump: undefined };
  }
  const report = repairLayers(restingLayers(memory, opened.start), mends);
  const findings = [...unreadable, ...report.findings];
  return { ...report, findings, dump: report.isRepaired ? writeDump(memory.bytes, opened.start) : undefined };
}

import type { Report } from "../memory/finding.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { Descriptor } from "./descriptor.ts";
import { ALLOC_MIN_BYTES, FREE_LIST_COUNT, MIN_BLOCK_SHIFT, MIN_BLOCK_SIZE } from "./layout.ts";
import type { HeapSegment } from "./segment.ts";
import type { TicketLock } from "./ticket-lock.ts";

/** One broken invariant of a cluster's heap. */
export interface ClusterFinding {
  /** The layer that it was found in. */
  readonly layer: "cluster";
  /** Virtual address of the block or heap that it is about. */
  readonly address: number;
  /** What is wrong, in a sentence. */
  readonly problem: string;
}

/** What each slot of 64 bytes belongs to, as far as is known: a byte for each. */
const SlotUse = { NOTHING: 0, ALLOCATED: 1, FREE: 2 } as const;

/** What the check has gathered about one heap. */
interface Survey {
  readonly descriptor: Descriptor;
  readonly segment: HeapSegment;
  readonly slots: Uint8Array;
  readonly report: Report;
}

/**
 * Verifies a heap at rest: every slot belongs to one block, allocated by alloc[] or free by one list; blocks are
 * aligned; no two free halves of a block stand unmerged; the lock is free. Reads only; ends on any bytes.
 */
export function checkCluster(descriptor: Descriptor, segment: HeapSegment, lock: TicketLock): ClusterFinding[] {
  const findings: ClusterFinding[] = [];
  const report: Report = (address, problem) => findings.push({ layer: "cluster", address, problem });
  const { base, length } = segment;
  const allocSize = Math.max(length / MIN_BLOCK_SIZE, ALLOC_MIN_BYTES);
  const { heapBase, heapSize } = descriptor;
  if (heapBase !== base || heapSize !== length) report(base, "the descriptor names another heap");
  else if (descriptor.allocSize !== allocSize || descriptor.allocBase !== base + length - allocSize) {
    report(base, "the descriptor names another alloc[]");
  }
  if (lock.isHeld || lock.owner !== 0) report(base, "the lock is held");
  if (findings.some(({ problem }) => problem.startsWith("the descriptor"))) return findings;
  const slots = new Uint8Array((length - allocSize) / MIN_BLOCK_SIZE);
  const survey: Survey = { descriptor, segment, slots, report };
  surveyAllocated(survey);
  for (let shift = 0; shift < FREE_LIST_COUNT; shift++) surveyFree(survey, shift);
  for (let slot = 0; slot < slots.length; slot++) {
    if (slots[slot] !== SlotUse.NOTHING) continue;
    report(base + slot * MIN_BLOCK_SIZE, "bytes of the heap belong to no block");
    break;
  }
  return findings;
}

function surveyAllocated(survey: Survey): void {
  const { descriptor, segment, slots, report } = survey;
  const { bytes } = segment.memory;
  const alloc = descriptor.allocBase - segment.base + segment.offset;
  for (let slot = 0; slot < descriptor.allocSize; slot++) {
    const shift = bytes[alloc + slot];
    if (shift === 0) continue;
    const address = segment.base + slot * MIN_BLOCK_SIZE;
    if (slot >= slots.length || shift < MIN_BLOCK_SHIFT || !occupy(survey, address, shift, SlotUse.ALLOCATED)) {
      report(address, `alloc[] names a block of 2^${shift} bytes that cannot stand here`);
    }
  }
}

function surveyFree(survey: Survey, shift: number): void {
  const { descriptor, segment, report } = survey;
  const found = new Set<number>();
  let block = descriptor.free(shift);
  while (block !== 0) {
    if (shift < MIN_BLOCK_SHIFT || !occupy(survey, block, shift, SlotUse.FREE)) {
      report(block, `free[${shift}] holds what is no free block of its size, or holds it twice`);
      return;
    }
    const companion = segment.base + (((block - segment.base) ^ (1 << shift)) >>> 0);
    if (found.has(companion)) report(block, `two halves of a block are free and not merged, in free[${shift}]`);
    found.add(block);
    block = segment.memory.words[(block - segment.base + segment.offset) >>> WORD_SHIFT] >>> 0;
  }
}

/** Marks the slots of a block; false where it is not aligned, leaves the heap or meets another. */
function occupy({ segment, slots }: Survey, block: number, shift: number, use: number): boolean {
  const offset = block - segment.base;
  const first = offset / MIN_BLOCK_SIZE;
  const end = first + 2 ** (shift - MIN_BLOCK_SHIFT);
  if (offset < 0 || offset % 2 ** shift !== 0 || end > slots.length) return false;
  for (let slot = first; slot < end; slot++) if (slots[slot] !== SlotUse.NOTHING) return false;
  slots.fill(use, first, end);
  return true;
}

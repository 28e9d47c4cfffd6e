import { blocksOf, checkHeap, type Heap, heapStats, ownerOf } from "kmem";
import { type Allocation, AllocationList } from "./allocation-list.ts";
import { isSealed } from "./block-seal.ts";
import { exchangedBlocks, offeredBlocks, type SharedWords } from "./shared-state.ts";

const PAGE_BYTES = 4096;

/** What an audit has found while all threads pause. */
export interface AuditResult {
  readonly findings: number;
  readonly lostBlocks: number;
  readonly lostPages: number;
  readonly problems: readonly string[];
  /** Live blocks that only a dead thread had in flight: on their way between two other threads. */
  readonly orphans: readonly number[];
}

/** Every allocation that some thread is known to hold. */
export interface KnownAllocations {
  readonly shared: SharedWords;
  /** Live threads: their allocation lists are complete. */
  readonly survivors: readonly number[];
  /** Allocations of the dead that were kept, or given to this thread. */
  readonly retained: readonly Allocation[];
  /** Blocks that threads had in flight when they died. */
  readonly inFlight: ReadonlySet<number>;
}

/**
 * Compares the heap with the allocations that its threads hold: `check()` is clean, every allocation of a thread is
 * live and has no second holder, and every live allocation has a holder.
 */
export function audit(heap: Heap, { shared, survivors, retained, inFlight }: KnownAllocations): AuditResult {
  const { findings } = checkHeap(heap);
  const problems = findings.map(({ address, problem }) => `check: ${problem} (at ${address})`);
  const inExchange = [...exchangedBlocks(shared), ...offeredBlocks(shared, survivors)];
  const allocations = [
    ...survivors.flatMap((thread) => new AllocationList(shared, thread).all()),
    ...retained,
    ...inExchange.map((address) => ({ address, pageCount: 0 })),
  ];
  let lostBlocks = 0;
  let lostPages = 0;
  const known = new Set<number>();
  for (const { address, pageCount } of allocations) {
    const isKnown = known.has(address);
    known.add(address);
    if (!isKnown && ownerOf(heap, address) !== undefined) continue;
    problems.push(isKnown ? `two threads hold the allocation at ${address}` : `the allocation at ${address} is lost`);
    if (pageCount > 0) lostPages += pageCount;
    else lostBlocks++;
  }
  const words = new Int32Array(heap.buffer);
  for (const address of inExchange) {
    if (ownerOf(heap, address) === undefined || isSealed(words, address, heap.usableSize(address))) continue;
    problems.push(`the block at ${address} in the exchange is not as it was left`);
    lostBlocks++;
  }
  const unknown = [...blocksOf(heap)].map(({ address }) => address).filter((address) => !known.has(address));
  const orphans = unknown.filter((address) => inFlight.has(address));
  for (const address of unknown) {
    if (inFlight.has(address)) continue;
    problems.push(`no thread holds the live block at ${address}, of slot ${ownerOf(heap, address)}`);
    lostBlocks++;
  }
  const heldPages = allocations.reduce((sum, { pageCount }) => sum + pageCount, 0);
  const livePages = heapStats(heap).bytes.pageRunBytes / PAGE_BYTES;
  if (livePages !== heldPages) {
    problems.push(`${livePages} pages are allocated, and ${heldPages} have a holder`);
    lostPages += Math.abs(livePages - heldPages);
  }
  return { findings: findings.length, lostBlocks, lostPages, problems, orphans };
}

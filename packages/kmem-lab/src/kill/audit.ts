import type { Heap } from "kmem";
import { blocksOf, checkHeap, heapStats, ownerOf } from "kmem";
import { isSealed } from "./block-seal.ts";
import { exchanged, gifts, type SharedWords } from "./board.ts";
import { Ledger, type Piece } from "./ledger.ts";

const PAGE_BYTES = 4096;

/** What a look at the heap has found, with every thread at rest. */
export interface AuditResult {
  readonly findings: number;
  readonly lostBlocks: number;
  readonly lostPages: number;
  readonly problems: readonly string[];
  /** Live blocks that only a dead thread had in its hands: on their way between two others. */
  readonly orphans: readonly number[];
}

/** Who is known to have something. */
export interface Holders {
  readonly board: SharedWords;
  /** Threads whose ledgers are to be trusted: those that live. */
  readonly survivors: readonly number[];
  /** Pieces of the dead that were kept or given to this thread. */
  readonly inherited: readonly Piece[];
  /** Blocks that threads which died had in their hands. */
  readonly hands: ReadonlySet<number>;
}

/**
 * Compares the heap with what everybody is known to have: `check()` is clean, every piece that somebody holds is live
 * and is nobody else's, and every live piece is held by somebody.
 */
export function audit(heap: Heap, { board, survivors, inherited, hands }: Holders): AuditResult {
  const { findings } = checkHeap(heap);
  const problems = findings.map(({ address, problem }) => `check: ${problem} (at ${address})`);
  const inExchange = [...exchanged(board), ...gifts(board, survivors)];
  const pieces = [
    ...survivors.flatMap((thread) => new Ledger(board, thread).pieces()),
    ...inherited,
    ...inExchange.map((address) => ({ address, pageCount: 0 })),
  ];
  let lostBlocks = 0;
  let lostPages = 0;
  const known = new Set<number>();
  for (const { address, pageCount } of pieces) {
    const isKnown = known.has(address);
    known.add(address);
    if (!isKnown && ownerOf(heap, address) !== undefined) continue;
    problems.push(isKnown ? `two threads have the piece at ${address}` : `the piece at ${address} is lost`);
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
  const orphans = unknown.filter((address) => hands.has(address));
  for (const address of unknown) {
    if (hands.has(address)) continue;
    problems.push(`nobody has the live block at ${address}, of slot ${ownerOf(heap, address)}`);
    lostBlocks++;
  }
  const heldPages = pieces.reduce((sum, { pageCount }) => sum + pageCount, 0);
  const livePages = heapStats(heap).bytes.pageRunBytes / PAGE_BYTES;
  if (livePages !== heldPages) {
    problems.push(`${livePages} pages are allocated, and ${heldPages} are held by somebody`);
    lostPages += Math.abs(livePages - heldPages);
  }
  return { findings: findings.length, lostBlocks, lostPages, problems, orphans };
}

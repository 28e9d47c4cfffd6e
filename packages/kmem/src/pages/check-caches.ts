import type { Report } from "../memory/finding.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { FrameTable } from "./frames.ts";
import {
  PCP_ORDERS,
  PCP_STRIDE,
  RUN_CACHE_HEADER,
  RUN_CACHE_MAX,
  RUN_CACHE_PAGES_MIN,
  RUN_CACHE_WORD,
  RunKind,
} from "./layout.ts";
import { cacheCapacity } from "./pcp-lists.ts";

/**
 * Verifies the pcp lists of all slots; of each slot the index of its first word. Each holds whole runs of its orders
 * that are nobody's but the slot's, and every such run is in exactly one of them. Reads only; ends on any bytes.
 * O(pages).
 */
export function checkPcpLists(frames: FrameTable, cacheWords: ReadonlyMap<number, number>, report: Report): void {
  const { words } = frames.memory;
  const cached = new Set<number>();
  for (const [slot, cacheWord] of cacheWords) {
    for (let order = 0; order < PCP_ORDERS; order++) {
      const countWord = cacheWord + order * PCP_STRIDE;
      const count = words[countWord];
      if (!(count >= 0 && count <= cacheCapacity(order))) {
        report((countWord << WORD_SHIFT) >>> 0, `a pcp list holds ${count} runs of order ${order}`);
        continue;
      }
      for (const frame of words.subarray(countWord + 1, countWord + 1 + count)) {
        const isRun = frames.kind(frame) === RunKind.CACHED && frames.count(frame) === 1 << order;
        if (!isRun || frames.ownerSlot(frame) !== slot || cached.has(frame)) {
          report(frame * PAGE_SIZE, `a pcp list holds what is no free run of order ${order}, or is in another too`);
        }
        cached.add(frame);
      }
    }
    checkRunCache(frames, slot, cacheWord + RUN_CACHE_WORD, cached, report);
  }
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) !== RunKind.CACHED || cached.has(frame)) continue;
    report(frame * PAGE_SIZE, "a run that is nobody's is on no pcp list");
  }
}

/** Verifies a slot's run cache, and notes its runs as cached. */
function checkRunCache(frames: FrameTable, slot: number, countWord: number, cached: Set<number>, report: Report): void {
  const { words } = frames.memory;
  const count = words[countWord];
  if (!(count >= 0 && count <= RUN_CACHE_MAX)) {
    report((countWord << WORD_SHIFT) >>> 0, `a run cache counts ${count} runs`);
    return;
  }
  for (const frame of words.subarray(countWord + RUN_CACHE_HEADER, countWord + RUN_CACHE_HEADER + count)) {
    const isRun = frames.kind(frame) === RunKind.CACHED && frames.count(frame) >= RUN_CACHE_PAGES_MIN;
    if (!isRun || frames.ownerSlot(frame) !== slot || cached.has(frame)) {
      report(frame * PAGE_SIZE, "a run cache holds what is no free run, or is cached twice");
    }
    cached.add(frame);
  }
}

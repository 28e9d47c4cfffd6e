import { join } from "node:path";
import { expect } from "vitest";
import { compileTrace } from "../../src/forms/compile-trace.ts";
import { matchPercent } from "../../src/trace/free-match.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { KERNEL_TRACES, MALLOC_TRACES } from "./known-traces.ts";
import { OpModel } from "./op-model.ts";
import { readOps, withTempDir } from "./support.ts";

/** Replaying in the model costs far more than reading; longer traces are only read. */
const MODEL_OP_LIMIT = 800_000;

/** Replays an operation file in the model and compares the header with what came of it. */
function checkOps(opsPath: string): void {
  const reader = new OpReader(opsPath);
  const { header, caches } = reader;
  reader.close();
  if (header.opCount > MODEL_OP_LIMIT) return;
  const model = new OpModel().replay(readOps(opsPath));
  expect(model.opCount).toBe(header.opCount);
  expect(model.peakLiveBytes).toBe(header.peakLiveBytes);
  expect(model.requestedBytes).toBe(header.requestedBytes);
  expect(model.highestSlot).toBe(header.slotCount - 1);
  expect(caches).toHaveLength(header.cacheCount);
}

/** Compiles a malloc trace and compares it with what is known of it. */
export async function checkMallocTrace(directory: string, name: string): Promise<void> {
  const known = MALLOC_TRACES[name]!;
  await withTempDir(async (temp) => {
    const opsPath = join(temp, "trace.ops");
    const summary = await compileTrace(join(directory, `${name}.trace.zst`), opsPath);
    expect(summary.broken).toEqual({ count: 0, countByReason: {}, first: [] });
    if (summary.format !== "malloc") throw new Error("not recognised as a malloc trace");
    expect(summary.events).toEqual(known.events);
    expect(summary.eventCount).toBe(summary.header.eventCount);
    expect(summary.opCount).toBe(summary.eventCount);
    expect(summary.live.peakLiveBytes).toBe(known.peakLiveBytes);
    expect(summary.live.requestedBytes).toBe(known.requestedBytes);
    expect(summary.live.liveBlockCountAtEnd).toBe(known.liveBlockCountAtEnd);
    expect(summary.slotCount).toBeLessThanOrEqual(summary.header.slotCount);
    expect(summary.header.pointerBits).toBe(known.pointerBits);
    expect(summary.header.cutByRecorder).toBe(known.cutByRecorder);
    // A recorder that stopped early counted on, so only a whole recording's header speaks of these events.
    if (!known.cutByRecorder) {
      expect(summary.header.peakLiveBytes).toBe(known.peakLiveBytes);
      expect(summary.header.requestedBytes).toBe(known.requestedBytes);
    }
    checkOps(opsPath);
  });
}

/** Compiles a kernel trace and compares it with what is known of it. */
export async function checkKernelTrace(directory: string, name: string): Promise<void> {
  const known = KERNEL_TRACES[name]!;
  await withTempDir(async (temp) => {
    const opsPath = join(temp, "trace.ops");
    const summary = await compileTrace(join(directory, `${name}.zst`), opsPath);
    expect(summary.broken).toEqual({ count: 0, countByReason: {}, first: [] });
    if (summary.format !== "kernel") throw new Error("not recognised as a kernel trace");
    const { events, lines, objects, pages } = summary;
    expect(lines.kmemEvent + lines.otherEvent).toBe(known.eventCount);
    expect(summary.lostEventCount).toBe(0);
    expect({
      kmalloc: events["kmalloc"] ?? 0,
      kmallocNode: events["kmalloc_node"] ?? 0,
      kfree: events["kfree"] ?? 0,
      nullKfree: objects.kfree.nullFreeCount,
      cacheAlloc: events["kmem_cache_alloc"] ?? 0,
      cacheAllocNode: events["kmem_cache_alloc_node"] ?? 0,
      cacheFree: events["kmem_cache_free"] ?? 0,
      pageAlloc: events["mm_page_alloc"] ?? 0,
      pageFree: events["mm_page_free"] ?? 0,
      pageFreeBatched: events["mm_page_free_batched"] ?? 0,
      kfreeRate: matchPercent(objects.kfree)?.toFixed(2),
      cacheFreeRate: matchPercent(objects.cacheFree)?.toFixed(2),
      pageFreeRate: matchPercent(pages.pageFree)?.toFixed(2),
      insidePageFree: pages.pageFree.insideCount,
      repeatedReports: objects.repeatedReportCount,
      impliedFrees: objects.impliedFreeCount,
      crossFrees: objects.crossFreeCount,
      eventCount: known.eventCount,
    }).toEqual(known);
    checkOps(opsPath);
  });
}

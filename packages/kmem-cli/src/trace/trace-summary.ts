import type { BrokenReport } from "./broken-log.ts";
import type { TracedCache } from "./cache-registry.ts";
import type { UnreadForm } from "./foreign-forms.ts";
import type { LineCounts } from "./line-tally.ts";
import type { LiveBytes } from "./live-bytes.ts";
import type { MallocTraceHeader } from "./malloc-trace.ts";
import type { ObjectMatchCounts } from "./object-matcher.ts";
import type { TraceCompression } from "./open-trace.ts";
import type { PageMatchCounts } from "./page-matcher.ts";

/** What is live, was live at most, and was asked for. All sizes as requested, in bytes. */
export interface LiveSummary {
  readonly requestedBytes: number;
  readonly peakLiveBytes: number;
  readonly peakLiveBlockCount: number;
  readonly liveBytesAtEnd: number;
  readonly liveBlockCountAtEnd: number;
}

interface CommonSummary {
  readonly path: string;
  readonly compression: TraceCompression;
  /** Bytes read from the file, as packed. */
  readonly readBytes: number;
  /** Bytes of the trace, unpacked. */
  readonly traceBytes: number;
  /** Well-formed events by name. */
  readonly events: Readonly<Record<string, number>>;
  readonly broken: BrokenReport;
  /** Operations in the operation file. */
  readonly opCount: number;
  readonly slotCount: number;
  /** All blocks together, as a replay of the operations holds them. */
  readonly live: LiveSummary;
}

/** What a malloc trace held. */
export interface MallocSummary extends CommonSummary {
  readonly format: "malloc";
  readonly header: MallocTraceHeader;
  /** Events that stand in the trace, broken ones included. */
  readonly eventCount: number;
}

/**
 * What a kernel trace held.
 *
 * `objects` and `pages` are two views of one memory: the pages under the slabs and under every large kmalloc are
 * page events as well. A replay does hold both, in `live`, but no sum of the two says what the kernel used.
 */
export interface KernelSummary extends CommonSummary {
  readonly format: "kernel";
  readonly lines: Readonly<LineCounts>;
  readonly lostEventCount: number;
  /** What its broken lines were recognised as, other than a kernel trace, and what to do; most lines first. */
  readonly unread: readonly UnreadForm[];
  /** kmalloc's and the slab caches' objects alone. */
  readonly objects: LiveSummary & ObjectMatchCounts;
  /** The page allocator's blocks alone. */
  readonly pages: LiveSummary & PageMatchCounts;
  /** By cache id. */
  readonly caches: readonly TracedCache[];
}

export type TraceSummary = MallocSummary | KernelSummary;

/** The figures of one family of blocks, as they stand now. */
export function summarizeLive(live: LiveBytes): LiveSummary {
  return {
    requestedBytes: live.requestedBytes,
    peakLiveBytes: live.peakLiveBytes,
    peakLiveBlockCount: live.peakLiveBlockCount,
    liveBytesAtEnd: live.liveBytes,
    liveBlockCountAtEnd: live.liveBlockCount,
  };
}

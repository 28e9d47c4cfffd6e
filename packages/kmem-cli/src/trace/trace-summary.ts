import type { BlockMatchCounts } from "./block-matcher.ts";
import type { BrokenReport } from "./broken-log.ts";
import type { TracedCache } from "./cache-registry.ts";
import type { LineCounts } from "./line-tally.ts";
import type { LiveBytes } from "./live-bytes.ts";
import type { MallocTraceHeader } from "./malloc-trace.ts";
import type { ObjectMatchCounts } from "./object-matcher.ts";
import type { OpsKind } from "./op-stream.ts";
import type { Compression } from "./packed-stream.ts";
import type { PageMatchCounts } from "./page-matcher.ts";
import type { NamedCache } from "./trace-tables.ts";
import type { UnreadForm } from "./unread-forms.ts";

/** What is live, was live at most, and was asked for. All sizes as requested, in bytes. */
export interface LiveSummary {
  readonly requestedBytes: number;
  readonly peakLiveBytes: number;
  readonly peakLiveBlockCount: number;
  readonly liveBytesAtEnd: number;
  readonly liveBlockCountAtEnd: number;
}

/** What is known of every trace, whatever its form: how its file was read. */
export interface FileSummary {
  readonly path: string;
  readonly compression: Compression;
  /** Bytes read from the file, as packed. */
  readonly readBytes: number;
  /** Bytes of the trace, unpacked. */
  readonly traceBytes: number;
  readonly broken: BrokenReport;
  /** Operations that were handed on. */
  readonly opCount: number;
}

interface CommonForm {
  /** The id of the form that was seen or asked for, as `--format` takes it. */
  readonly form: string;
  /** Well-formed events by name. */
  readonly events: Readonly<Record<string, number>>;
  readonly slotCount: number;
  /** All blocks together, as a replay of the operations holds them. */
  readonly live: LiveSummary;
}

/** What a malloc trace held. */
export interface MallocForm extends CommonForm {
  readonly format: "malloc";
  readonly header: MallocTraceHeader;
  /** Events that stand in the trace, broken ones included. */
  readonly eventCount: number;
}

/** What a trace held that a tool for native programs wrote. */
export interface NativeForm extends CommonForm, BlockMatchCounts {
  readonly format: "native";
  /** Lines, or what the form has in their place, broken ones included. */
  readonly lineCount: number;
  /** Lines that are no event and need not be one. */
  readonly otherLineCount: number;
  /** Whether any event had a call site, a time, a thread. */
  readonly has: { readonly stacks: boolean; readonly times: boolean; readonly threads: boolean };
}

/** What a file in the project's own format held. */
export interface StoredForm extends CommonForm {
  readonly format: "kmem";
  readonly kind: OpsKind;
  readonly eventCount: number;
  /** The objects, and the pages, of a kernel's trace alone. */
  readonly objects: LiveSummary;
  readonly pages: LiveSummary;
  readonly caches: readonly NamedCache[];
  /** What the writer noted of the trace that it was made from. */
  readonly notes: Readonly<Record<string, string>>;
}

/**
 * What a kernel trace held.
 *
 * `objects` and `pages` are two views of one memory: the pages under the slabs and under every large kmalloc are
 * page events as well. A replay does hold both, in `live`, but no sum of the two says what the kernel used.
 */
export interface KernelForm extends CommonForm {
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

/** What a reader knows of a trace at its end. */
export type FormSummary = MallocForm | NativeForm | StoredForm | KernelForm;

export type MallocSummary = MallocForm & FileSummary;
export type NativeSummary = NativeForm & FileSummary;
export type StoredSummary = StoredForm & FileSummary;
export type KernelSummary = KernelForm & FileSummary;
export type TraceSummary = MallocSummary | NativeSummary | StoredSummary | KernelSummary;

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

import { join } from "node:path";
import { OpReader } from "../trace/op-reader.ts";
import { OP, OP_CODE_MASK, OPERATION, type OpTotals, WORDS_PER_OP } from "../trace/op-stream.ts";
import { OpWriter } from "../trace/op-writer.ts";
import type { LiveSummary, TraceSummary } from "../trace/trace-summary.ts";
import { LiveOps } from "./live-ops.ts";

/**
 * What the blocks of a workload are: those of a malloc trace; or of a kernel trace, either its objects (kmalloc and
 * slab caches) or its pages. A kernel trace makes two workloads, since the pages under its slabs and large kmallocs
 * are page events as well: replayed together they would count twice. Synthetic loads have three kinds more: runs of any
 * number of pages, areas of vmalloc, and objects of caches with constructors.
 */
export type WorkloadKind = "blocks" | "objects" | "pages" | "runs" | "areas" | "constructed";

/** One list of operations that every contender replays. */
export interface Workload {
  readonly kind: WorkloadKind;
  /** The operation file. */
  readonly opsPath: string;
  /** Another one, which frees what is live at the end of the first. */
  readonly closingPath: string;
  readonly opCount: number;
  readonly live: LiveSummary;
}

/**
 * Makes the workloads of a compiled trace: the operations of one kind each, and the operations that free what is live
 * at their end. Leaves out a kind of which the trace has nothing. Files go into `folder`.
 */
export function makeWorkloads(summary: TraceSummary, opsPath: string, folder: string): Workload[] {
  const workloads =
    summary.format === "kernel" || (summary.format === "kmem" && summary.kind === "kernel")
      ? splitKernelOps(opsPath, folder, { objects: summary.objects, pages: summary.pages })
      : [makeWhole(opsPath, folder, summary.live)];
  return workloads.filter(({ opCount }) => opCount > 0);
}

/** Makes one workload of all operations in a file; the file that frees what is left goes into `folder`. */
export function makeWhole(opsPath: string, folder: string, live: LiveSummary, kind: WorkloadKind = "blocks"): Workload {
  const reader = new OpReader(opsPath);
  const liveOps = new LiveOps(reader.header.slotCount);
  forEachOp(reader, (words, at) => liveOps.take(words, at));
  const closingPath = join(folder, "blocks.closing");
  liveOps.writeFrees(closingPath, reader.header, reader.caches);
  return { kind, opsPath, closingPath, opCount: reader.header.opCount, live };
}

function splitKernelOps(
  opsPath: string,
  folder: string,
  live: { readonly objects: LiveSummary; readonly pages: LiveSummary },
): Workload[] {
  const reader = new OpReader(opsPath);
  const part = (kind: "objects" | "pages") => {
    const path = join(folder, `${kind}.ops`);
    return { kind, path, writer: new OpWriter(path), liveOps: new LiveOps(reader.header.slotCount) };
  };
  const objects = part("objects");
  const pages = part("pages");
  forEachOp(reader, (words, at) => {
    const code = words[at + OPERATION.CODE]! & OP_CODE_MASK;
    const { writer, liveOps } = code === OP.PAGE_ALLOC || code === OP.PAGE_FREE ? pages : objects;
    writer.op(code, 0, words[at + OPERATION.SLOT]!, words[at + OPERATION.SIZE]!, words[at + OPERATION.AUX]!);
    liveOps.take(words, at);
  });
  return [objects, pages].map(({ kind, path, writer, liveOps }) => {
    const { peakLiveBytes, peakLiveBlockCount, requestedBytes } = live[kind];
    const { slotCount } = reader.header;
    const totals: OpTotals = { kind: "kernel", slotCount, peakLiveBytes, peakLiveBlockCount, requestedBytes };
    writer.finish(totals, reader.caches);
    const closingPath = join(folder, `${kind}.closing`);
    liveOps.writeFrees(closingPath, totals, reader.caches);
    return { kind, opsPath: path, closingPath, opCount: writer.opCount, live: live[kind] };
  });
}

function forEachOp(reader: OpReader, take: (words: Uint32Array, at: number) => void): void {
  try {
    for (let opCount = reader.next(); opCount > 0; opCount = reader.next()) {
      for (let at = 0; at < opCount * WORDS_PER_OP; at += WORDS_PER_OP) take(reader.words, at);
    }
  } finally {
    reader.close();
  }
}

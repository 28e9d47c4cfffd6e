import { detectForm } from "kmem-cli/internal/forms/detect-form";
import type { TraceForm } from "kmem-cli/internal/forms/known-forms";
import { BrokenLog } from "kmem-cli/internal/trace/broken-log";
import { MemorySource } from "kmem-cli/internal/trace/byte-source";
import { EventStream } from "kmem-cli/internal/trace/event-context";
import type { OpCache, OpTotals } from "kmem-cli/internal/trace/op-stream";
import { sniffEncoding, TextDecoder8 } from "kmem-cli/internal/trace/text-encoding";
import type { TraceReader } from "kmem-cli/internal/trace/trace-reader";
import type { TraceSummary } from "kmem-cli/internal/trace/trace-summary";
import type { ByteSource } from "../sources/byte-source.ts";
import { firstBytes } from "../sources/opened-file.ts";
import { problemText } from "../sources/problem-text.ts";
import { packingOf, unpack, unpacked } from "../sources/unpack.ts";
import { TraceStore } from "./trace-store.ts";

/** A trace that has been read. */
export interface ReadTrace {
  readonly store: TraceStore;
  readonly summary: TraceSummary;
  readonly form: TraceForm;
  readonly totals: OpTotals;
  readonly caches: readonly OpCache[];
}

/** As many first bytes as tell the form of a trace, and the encoding of a text. */
const FORM_BYTES = 16_384;
const ENCODING_BYTES = 512;

/** Reads a trace of any form. Throws a TraceFormatError for what is none. */
export async function readTrace(path: string, source: ByteSource): Promise<ReadTrace> {
  const head = firstBytes(source, FORM_BYTES).subarray(0, FORM_BYTES);
  const encoding = sniffEncoding(head.subarray(0, ENCODING_BYTES));
  const form = detectForm(head, encoding);
  const stream = new EventStream(true);
  const store = new TraceStore(stream);
  const broken = new BrokenLog();
  const reader = form.open({ sink: store, stream, broken });
  const decoder = form.isText ? new TextDecoder8(encoding) : undefined;
  const push = (piece: Uint8Array): void => reader.push(decoder?.decode(piece) ?? piece);
  const traceBytes = await (reader.readWhole === undefined
    ? feed(source, push, reader, broken)
    : readWhole(source, reader));
  const file = { path, compression: packingOf(source), readBytes: source.byteLength, traceBytes };
  const summary = {
    ...reader.summarize(),
    ...file,
    broken: broken.report(),
    opCount: store.eventCount,
  } as TraceSummary;
  return { store, summary, form, totals: reader.totals(), caches: stream.tables.caches };
}

/** Hands the unpacked bytes on; where the packing is damaged, as many as come before. */
async function feed(source: ByteSource, push: (piece: Uint8Array) => void, reader: TraceReader, broken: BrokenLog) {
  let traceBytes = 0;
  let readerError: unknown;
  let damage: string | undefined;
  try {
    unpack(source, (piece) => {
      traceBytes += piece.length;
      try {
        push(piece);
      } catch (error) {
        readerError = error;
        throw error;
      }
    });
  } catch (error) {
    if (readerError !== undefined) throw readerError;
    damage = problemText(error);
  }
  await reader.end(damage !== undefined);
  if (damage !== undefined) broken.add(reader.position + 1, "the packed data are damaged or cut", () => damage);
  return traceBytes;
}

/** Hands a form over that is not read front to back. */
async function readWhole(source: ByteSource, reader: TraceReader): Promise<number> {
  const bytes = unpacked(source);
  await reader.readWhole!(new MemorySource(bytes), () => undefined);
  reader.close?.();
  return bytes.length;
}

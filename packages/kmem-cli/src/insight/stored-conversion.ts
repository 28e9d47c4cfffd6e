import type { ByteSink } from "../forms/stored-section-writer.ts";
import { StoredTraceWriter } from "../forms/stored-writer.ts";
import type { EventStream } from "../trace/event-context.ts";
import type { FreeMatch } from "../trace/free-match.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import type { Conversion } from "./conversion.ts";

/** Writes operations in kmem's own format, with notes of what the source held besides them. */
export class StoredConversion implements Conversion {
  readonly #writer: StoredTraceWriter;

  constructor(sink: ByteSink, stream: EventStream) {
    this.#writer = new StoredTraceWriter(sink, stream);
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.#writer.op(code, log2Align, slot, size, aux);
  }

  finish(summary: TraceSummary): void {
    this.#writer.finish(notesOf(summary));
  }
}

/** What a file should keep of a trace that its operations do not say. */
function notesOf(summary: TraceSummary): Record<string, string> {
  const { form, broken } = summary;
  const notes: Record<string, string> = { "source form": form, "broken in the source": String(broken.count) };
  const addFrees = (name: string, { freeCount, nullFreeCount, matchedCount, unknownCount }: FreeMatch): void => {
    notes[`${name}: frees`] = String(freeCount);
    notes[`${name}: frees of null`] = String(nullFreeCount);
    notes[`${name}: matched frees`] = String(matchedCount);
    notes[`${name}: unknown frees`] = String(unknownCount);
  };
  if (summary.format === "kmem") return { ...summary.notes };
  if (summary.format === "native") addFrees("malloc", summary.frees);
  if (summary.format === "kernel") {
    addFrees("kfree", summary.objects.kfree);
    addFrees("kmem_cache_free", summary.objects.cacheFree);
    addFrees("mm_page_free", summary.pages.pageFree);
    notes["lost events"] = String(summary.lostEventCount);
  }
  return notes;
}

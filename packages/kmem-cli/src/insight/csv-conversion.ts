import type { ByteSink } from "../forms/stored-section-writer.ts";
import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import { OP, OP_NAMES } from "../trace/op-stream.ts";
import type { Conversion } from "./conversion.ts";
import { TextBuffer } from "./text-buffer.ts";

const HEADER = "time_ns,thread,cpu,op,block,size,allocated,align,offset,cache,site\n";

/**
 * Writes operations as CSV. `block` is the slot; `size` is in bytes, of pages in pages; `offset` is of the first page
 * that is freed; `site` has the frames of the stack, the outermost first.
 */
export class CsvConversion implements Conversion {
  readonly #stream: EventStream;
  readonly #text: TextBuffer;
  readonly #sites: string[] = [""];

  constructor(sink: ByteSink, stream: EventStream) {
    this.#stream = stream;
    this.#text = new TextBuffer(sink);
    this.#text.add(HEADER);
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    const { context, tables } = this.#stream;
    const isCache = code === OP.CACHE_ALLOC || code === OP.CACHE_FREE || code === OP.CACHE_BUILD;
    const isFree = code === OP.FREE || code === OP.CACHE_FREE || code === OP.PAGE_FREE;
    const fields = [
      context.timeNs === NO_TIME ? "" : context.timeNs,
      context.thread === 0 ? "" : quoted(tables.threads.name(context.thread)),
      context.cpu === 0 ? "" : context.cpu - 1,
      OP_NAMES[code],
      slot,
      code === OP.PAGE_ALLOC ? 2 ** size : size,
      isFree || context.allocatedBytes === 0 ? "" : context.allocatedBytes,
      code === OP.ALIGNED ? 2 ** log2Align : "",
      code === OP.PAGE_FREE ? aux : "",
      isCache ? quoted(tables.caches[aux]?.name ?? "") : "",
      this.#site(context.stack),
    ];
    this.#text.add(`${fields.join(",")}\n`);
  }

  finish(): void {
    this.#text.flush();
  }

  #site(stack: number): string {
    const known = this.#sites[stack];
    if (known !== undefined) return known;
    const text = quoted(this.#stream.tables.framesOf(stack).toReversed().join(";"));
    this.#sites[stack] = text;
    return text;
  }
}

function quoted(text: string): string {
  return /[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

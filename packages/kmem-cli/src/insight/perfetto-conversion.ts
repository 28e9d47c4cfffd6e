import type { ByteSink } from "../forms/stored-section-writer.ts";
import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import { OP, OP_NAMES, PAGE_BYTES } from "../trace/op-stream.ts";
import type { Conversion } from "./conversion.ts";
import { addressOf } from "./invented-addresses.ts";
import { TextBuffer } from "./text-buffer.ts";

const NS_PER_US = 1000;
/** Events from one point of the counters to the next. */
const COUNTER_EVERY = 64;
const PID = 1;

/** Writes operations in Chrome's JSON, which Perfetto opens: an instant for each, and a counter of what is live. */
export class PerfettoConversion implements Conversion {
  readonly #stream: EventStream;
  readonly #text: TextBuffer;
  readonly #named = new Set<number>();
  readonly #sites: string[] = [""];
  #eventCount = 0;
  #objectBytes = 0;
  #pageBytes = 0;

  constructor(sink: ByteSink, stream: EventStream) {
    this.#stream = stream;
    this.#text = new TextBuffer(sink);
    this.#text.add(
      `{"displayTimeUnit":"ns","traceEvents":[\n` +
        `{"name":"process_name","ph":"M","pid":${PID},"tid":0,"args":{"name":"kmem"}}`,
    );
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    const { context } = this.#stream;
    const { thread } = context;
    this.#eventCount += 1;
    this.#follow(code, size, aux);
    if (!this.#named.has(thread)) this.#nameThread(thread);
    const ts = this.#time();
    const args: Record<string, unknown> = { address: `0x${addressOf(slot)}` };
    if (code !== OP.FREE && code !== OP.CACHE_FREE) args["size"] = code === OP.PAGE_ALLOC ? 2 ** size : size;
    if (code === OP.REALLOC) args["old"] = args["address"];
    if (code === OP.ALIGNED) args["alignment"] = 2 ** log2Align;
    const site = this.#site(context.stack);
    if (site !== "") args["site"] = site;
    if (context.cpu !== 0) args["cpu"] = context.cpu - 1;
    const head = `{"name":"${OP_NAMES[code]}","ph":"i","s":"t","ts":${ts},"pid":${PID},"tid":${thread}`;
    this.#text.add(`,\n${head},"args":${JSON.stringify(args)}}`);
    if (this.#eventCount % COUNTER_EVERY === 0) this.#counter(ts);
  }

  finish(): void {
    this.#counter(this.#time());
    this.#text.add("\n]}\n");
    this.#text.flush();
  }

  /** `aux` of a realloc is what the block had. Frees have the size of their block. */
  #follow(code: number, size: number, aux: number): void {
    if (code === OP.PAGE_ALLOC) this.#pageBytes += 2 ** size * PAGE_BYTES;
    else if (code === OP.PAGE_RUN) this.#pageBytes += size * PAGE_BYTES;
    else if (code === OP.PAGE_FREE) this.#pageBytes -= size * PAGE_BYTES;
    else if (code === OP.FREE || code === OP.CACHE_FREE) this.#objectBytes -= size;
    else this.#objectBytes += code === OP.REALLOC ? size - aux : size;
  }

  #counter(ts: number): void {
    const head = `{"name":"live bytes","ph":"C","ts":${ts},"pid":${PID}`;
    this.#text.add(`,\n${head},"args":{"objects":${this.#objectBytes},"pages":${this.#pageBytes}}}`);
  }

  #time(): number {
    const { timeNs } = this.#stream.context;
    return timeNs === NO_TIME ? this.#eventCount : timeNs / NS_PER_US;
  }

  #nameThread(thread: number): void {
    this.#named.add(thread);
    if (thread === 0) return;
    const args = JSON.stringify({ name: this.#stream.tables.threads.name(thread) });
    this.#text.add(`,\n{"name":"thread_name","ph":"M","pid":${PID},"tid":${thread},"args":${args}}`);
  }

  #site(stack: number): string {
    const known = this.#sites[stack];
    if (known !== undefined) return known;
    const text = this.#stream.tables.framesOf(stack).toReversed().join(";");
    this.#sites[stack] = text;
    return text;
  }
}

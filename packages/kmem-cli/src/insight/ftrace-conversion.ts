import type { ByteSink } from "../forms/stored-section-writer.ts";
import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import { OP } from "../trace/op-stream.ts";
import type { Conversion } from "./conversion.ts";
import { addressOf, frameOf } from "./invented-addresses.ts";
import { TextBuffer } from "./text-buffer.ts";

const HEADER = `# tracer: nop
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
`;
const TASK = /^(.*?)[-\s]+(\d{1,10})(?:\s*\(.*\))?$/;
const TASK_COLUMNS = 16;
const TASK_NAME_MAX = 15;
const PID_COLUMNS = 7;
const NS_PER_US = 1000;
const US_PER_SECOND = 1e6;
const US_DIGITS = 6;
const SECOND_COLUMNS = 5;
const GFP = "gfp_flags=GFP_KERNEL node=-1 accounted=false";

/**
 * Writes operations as the kernel's trace file. Calls of malloc become kmalloc and kfree, and realloc both of them.
 * Addresses stand for slots, since the model keeps none; an event without a time has its number in microseconds.
 */
export class FtraceConversion implements Conversion {
  readonly #stream: EventStream;
  readonly #text: TextBuffer;
  readonly #tasks: string[] = [];
  readonly #sites: string[] = [];
  #eventCount = 0;

  constructor(sink: ByteSink, stream: EventStream) {
    this.#stream = stream;
    this.#text = new TextBuffer(sink);
    this.#text.add(HEADER);
  }

  op(code: number, _log2Align: number, slot: number, size: number, aux: number): void {
    this.#eventCount += 1;
    switch (code) {
      case OP.FREE:
        this.#put("kfree", `call_site=${this.#site()} ptr=${addressOf(slot)}`);
        return;
      case OP.CACHE_FREE:
        this.#put("kmem_cache_free", `call_site=${this.#site()} ptr=${addressOf(slot)} name=${this.#cache(aux)}`);
        return;
      case OP.PAGE_ALLOC:
        this.#page("mm_page_alloc", frameOf(slot), size);
        return;
      case OP.PAGE_RUN:
        this.#page("mm_page_alloc", frameOf(slot), Math.ceil(Math.log2(size)));
        return;
      case OP.PAGE_FREE:
        this.#freePages(frameOf(slot) + aux, size);
        return;
      case OP.CACHE_ALLOC:
      case OP.CACHE_BUILD: {
        const name = this.#cache(aux);
        const setAside = this.#stream.tables.caches[aux]?.allocBytes ?? size;
        this.#put("kmem_cache_alloc", `${this.#place(slot)} name=${name} ${sizes(size, setAside)} ${GFP}`);
        return;
      }
      case OP.REALLOC:
        this.#put("kfree", `call_site=${this.#site()} ptr=${addressOf(slot)}`);
        break;
      default:
    }
    const setAside = Math.max(size, this.#stream.context.allocatedBytes);
    this.#put("kmalloc", `${this.#place(slot)} ${sizes(size, setAside)} ${GFP}`);
  }

  finish(): void {
    this.#text.flush();
  }

  #place(slot: number): string {
    return `call_site=${this.#site()} ptr=${addressOf(slot)}`;
  }

  /** The pages of a run as blocks of the kernel's, which have 2^order pages and begin at a multiple of their size. */
  #freePages(first: number, count: number): void {
    const end = first + count;
    for (let frame = first; frame < end; ) {
      let order = 0;
      while (frame % 2 ** (order + 1) === 0 && frame + 2 ** (order + 1) <= end) order += 1;
      this.#page("mm_page_free", frame, order);
      frame += 2 ** order;
    }
  }

  #page(name: string, frame: number, order: number): void {
    const rest = name === "mm_page_alloc" ? " migratetype=0 gfp_flags=GFP_KERNEL" : "";
    this.#put(name, `page=${addressOf(frame)} pfn=0x${frame.toString(16)} order=${order}${rest}`);
  }

  #put(name: string, fields: string): void {
    const { thread, cpu, timeNs } = this.#stream.context;
    const us = timeNs === NO_TIME ? this.#eventCount : Math.floor(timeNs / NS_PER_US);
    const seconds = String(Math.floor(us / US_PER_SECOND)).padStart(SECOND_COLUMNS);
    const micros = String(us % US_PER_SECOND).padStart(US_DIGITS, "0");
    const processor = String(Math.max(0, cpu - 1)).padStart(3, "0");
    this.#text.add(`${this.#task(thread)} [${processor}] ..... ${seconds}.${micros}: ${name}: ${fields}\n`);
  }

  #task(thread: number): string {
    const known = this.#tasks[thread];
    if (known !== undefined) return known;
    const name = this.#stream.tables.threads.name(thread);
    const match = TASK.exec(name);
    const comm = (match?.[1] || "<...>").slice(0, TASK_NAME_MAX).padStart(TASK_COLUMNS);
    const pid = match?.[2] ?? (/^\d{1,10}$/.test(name) ? name : "0");
    const text = `${comm}-${pid.padEnd(PID_COLUMNS)}`;
    this.#tasks[thread] = text;
    return text;
  }

  #site(): string {
    const { stack } = this.#stream.context;
    const known = this.#sites[stack];
    if (known !== undefined) return known;
    const { stacks, frames } = this.#stream.tables;
    const name = stack === 0 ? "" : frames.name(stacks.frame(stack));
    const text = name === "" ? "0x0" : name.replaceAll("=", "_").replaceAll(": ", ":_");
    this.#sites[stack] = text;
    return text;
  }

  #cache(id: number): string {
    const cache = this.#stream.tables.caches[id];
    return cache === undefined || cache.name === "" ? `cache-${id}` : cache.name;
  }
}

function sizes(requested: number, allocated: number): string {
  return `bytes_req=${requested} bytes_alloc=${allocated}`;
}

import type { Attachment } from "../heap/attachment.ts";
import { type PageOptions, Pages, type PageWaitOptions } from "../heap/pages.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { DebugTracer } from "./findings.ts";

/** Pages that tell a tracer of each run that comes and goes. */
export class TracedPages extends Pages {
  readonly #tracer: DebugTracer;

  constructor(layers: () => Layers, { kmalloc, waits }: Attachment, tracer: DebugTracer) {
    super(layers, kmalloc, waits);
    this.#tracer = tracer;
  }

  override alloc(count: number, options: PageOptions = {}): number {
    const address = super.alloc(count, options);
    this.#tracer.pageAlloc(address, count * PAGE_SIZE);
    return address;
  }

  override tryAlloc(count: number, options: PageOptions = {}): number {
    const address = super.tryAlloc(count, options);
    if (address !== 0) this.#tracer.pageAlloc(address, count * PAGE_SIZE);
    return address;
  }

  override allocWait(count: number, options: PageWaitOptions = {}): number {
    const address = super.allocWait(count, options);
    this.#tracer.pageAlloc(address, count * PAGE_SIZE);
    return address;
  }

  override free(address: number, count: number): void {
    super.free(address, count);
    this.#tracer.pageFree(address, count * PAGE_SIZE);
  }
}

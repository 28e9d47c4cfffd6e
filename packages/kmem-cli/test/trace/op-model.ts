import { OP, type OpSink, PAGE_BYTES } from "../../src/trace/op-stream.ts";
import type { OpTuple } from "./support.ts";

interface LiveBlock {
  readonly family: "malloc" | "cache" | "pages";
  readonly cacheId: number;
  sizeBytes: number;
  /** Of a block of pages: how many it was made of, and those that are gone. */
  readonly pageCount: number;
  readonly gone: Set<number>;
}

const NO_PAGES = { pageCount: 0, gone: new Set<number>() };

/**
 * Replays operations the slow and obvious way and throws at the first that no replay could carry out: a slot that
 * is taken, a free of what is not there, a size or a cache that does not fit the block.
 */
export class OpModel implements OpSink {
  readonly live = new Map<number, LiveBlock>();
  opCount = 0;
  liveBytes = 0;
  peakLiveBytes = 0;
  requestedBytes = 0;
  highestSlot = -1;

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.opCount += 1;
    if (log2Align !== 0 && code !== OP.ALIGNED) this.#fail("an alignment that means nothing");
    switch (code) {
      case OP.MALLOC:
      case OP.CALLOC:
      case OP.ALIGNED:
        this.#add(slot, { family: "malloc", cacheId: -1, sizeBytes: size, ...NO_PAGES });
        return;
      case OP.CACHE_ALLOC:
      case OP.CACHE_BUILD:
        this.#add(slot, { family: "cache", cacheId: aux, sizeBytes: size, ...NO_PAGES });
        return;
      case OP.PAGE_ALLOC:
      case OP.PAGE_RUN: {
        const pageCount = code === OP.PAGE_RUN ? size : 2 ** size;
        const sizeBytes = pageCount * PAGE_BYTES;
        this.#add(slot, { family: "pages", cacheId: -1, sizeBytes, pageCount, gone: new Set() });
        return;
      }
      case OP.FREE:
        this.#remove(slot, "malloc", size, -1);
        return;
      case OP.CACHE_FREE:
        this.#remove(slot, "cache", size, aux);
        return;
      case OP.REALLOC:
        this.#resize(slot, size, aux);
        return;
      case OP.PAGE_FREE:
        this.#removePages(slot, size, aux);
        return;
      default:
        this.#fail(`code ${code}`);
    }
  }

  /** Replays a list. */
  replay(ops: Iterable<OpTuple>): this {
    for (const op of ops) this.op(...op);
    return this;
  }

  #fail(what: string): never {
    throw new Error(`operation ${this.opCount}: ${what}`);
  }

  #add(slot: number, block: LiveBlock): void {
    if (this.live.has(slot)) this.#fail(`slot ${slot} is taken`);
    this.live.set(slot, block);
    this.highestSlot = Math.max(this.highestSlot, slot);
    this.requestedBytes += block.sizeBytes;
    this.#addLive(block.sizeBytes);
  }

  #addLive(bytes: number): void {
    this.liveBytes += bytes;
    this.peakLiveBytes = Math.max(this.peakLiveBytes, this.liveBytes);
  }

  #block(slot: number, family: LiveBlock["family"]): LiveBlock {
    const block = this.live.get(slot);
    if (block === undefined) return this.#fail(`slot ${slot} is not live`);
    if (block.family !== family) this.#fail(`slot ${slot} holds ${block.family}, not ${family}`);
    return block;
  }

  #remove(slot: number, family: LiveBlock["family"], size: number, cacheId: number): void {
    const block = this.#block(slot, family);
    if (block.sizeBytes !== size || block.cacheId !== cacheId) this.#fail(`slot ${slot} is not of this size or cache`);
    this.live.delete(slot);
    this.liveBytes -= size;
  }

  #resize(slot: number, newBytes: number, oldBytes: number): void {
    const block = this.#block(slot, "malloc");
    if (block.sizeBytes !== oldBytes) this.#fail(`slot ${slot} has ${block.sizeBytes} bytes, not ${oldBytes}`);
    block.sizeBytes = newBytes;
    this.requestedBytes += newBytes;
    this.#addLive(newBytes - oldBytes);
  }

  #removePages(slot: number, count: number, offset: number): void {
    const block = this.#block(slot, "pages");
    if (count === 0) this.#fail("a free of no pages");
    if (offset + count > block.pageCount) this.#fail(`slot ${slot} has ${block.pageCount} pages`);
    block.sizeBytes -= count * PAGE_BYTES;
    this.liveBytes -= count * PAGE_BYTES;
    // A block that goes as a whole may have a million pages.
    if (count === block.pageCount && block.gone.size === 0) this.live.delete(slot);
    else this.#removeEach(slot, block, count, offset);
  }

  #removeEach(slot: number, block: LiveBlock, count: number, offset: number): void {
    for (let page = offset; page < offset + count; page += 1) {
      if (block.gone.has(page)) this.#fail(`page ${page} of slot ${slot} is not live`);
      block.gone.add(page);
    }
    if (block.gone.size === block.pageCount) this.live.delete(slot);
  }
}

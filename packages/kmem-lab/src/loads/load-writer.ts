import { join } from "node:path";
import { makeWhole, type Workload, type WorkloadKind } from "kmem-cli/internal/replay/workload";
import { LiveBytes } from "kmem-cli/internal/trace/live-bytes";
import { OP, type OpCache, PAGE_BYTES } from "kmem-cli/internal/trace/op-stream";
import { OpWriter } from "kmem-cli/internal/trace/op-writer";
import { summarizeLive } from "kmem-cli/internal/trace/trace-summary";

/** Writes the operations of a load, and keeps the sizes of its blocks so that no generator has to. */
export class LoadWriter {
  readonly #kind: WorkloadKind;
  readonly #folder: string;
  readonly #opsPath: string;
  readonly #writer: OpWriter;
  readonly #slotCount: number;
  /** By slot, as the operations have it: bytes, or pages. */
  readonly #sizes: Uint32Array;
  /** By slot: the cache of the object. */
  readonly #cacheIds: Uint16Array;
  readonly #live = new LiveBytes();

  /** @param slotCount slots are 0 … slotCount - 1. */
  constructor(kind: WorkloadKind, folder: string, slotCount: number) {
    this.#kind = kind;
    this.#folder = folder;
    this.#opsPath = join(folder, "load.ops");
    this.#writer = new OpWriter(this.#opsPath);
    this.#slotCount = slotCount;
    this.#sizes = new Uint32Array(slotCount);
    this.#cacheIds = new Uint16Array(slotCount);
  }

  /** Operations written so far. */
  get opCount(): number {
    return this.#writer.opCount;
  }

  /** Bytes of the block in a slot, or pages of its run. */
  size(slot: number): number {
    return this.#sizes[slot]!;
  }

  malloc(slot: number, sizeBytes: number): void {
    this.#add(OP.MALLOC, 0, slot, sizeBytes, sizeBytes, 0);
  }

  aligned(slot: number, log2Align: number, sizeBytes: number): void {
    this.#add(OP.ALIGNED, log2Align, slot, sizeBytes, sizeBytes, 0);
  }

  realloc(slot: number, sizeBytes: number): void {
    const oldBytes = this.#sizes[slot]!;
    this.#sizes[slot] = sizeBytes;
    this.#live.resizeBlock(oldBytes, sizeBytes);
    this.#writer.op(OP.REALLOC, 0, slot, sizeBytes, oldBytes);
  }

  free(slot: number): void {
    this.#live.removeBlock(this.#sizes[slot]!);
    this.#writer.op(OP.FREE, 0, slot, this.#sizes[slot]!, 0);
  }

  allocPages(slot: number, pageCount: number): void {
    this.#add(OP.PAGE_RUN, 0, slot, pageCount, pageCount * PAGE_BYTES, 0);
  }

  freePages(slot: number): void {
    this.#live.removeBlock(this.#sizes[slot]! * PAGE_BYTES);
    this.#writer.op(OP.PAGE_FREE, 0, slot, this.#sizes[slot]!, 0);
  }

  build(slot: number, cacheId: number, objectBytes: number): void {
    this.#cacheIds[slot] = cacheId;
    this.#add(OP.CACHE_BUILD, 0, slot, objectBytes, objectBytes, cacheId);
  }

  freeObject(slot: number): void {
    this.#live.removeBlock(this.#sizes[slot]!);
    this.#writer.op(OP.CACHE_FREE, 0, slot, this.#sizes[slot]!, this.#cacheIds[slot]!);
  }

  /** Writes what is left, and the file that frees what is live. */
  finish(caches: readonly OpCache[] = []): Workload {
    const summary = summarizeLive(this.#live);
    this.#writer.finish({ kind: "malloc", slotCount: this.#slotCount, ...summary }, caches);
    return makeWhole(this.#opsPath, this.#folder, summary, this.#kind);
  }

  #add(code: number, log2Align: number, slot: number, size: number, sizeBytes: number, aux: number): void {
    this.#sizes[slot] = size;
    this.#live.addBlock(sizeBytes);
    this.#writer.op(code, log2Align, slot, size, aux);
  }
}

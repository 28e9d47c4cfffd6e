import { badFree } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { signedHint } from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, FrameRecord } from "../pages/layout.ts";
import { CacheRecord, SLAB_FREE_MASK, SLAB_HEAD_MASK } from "../slab/layout.ts";
import type { Overwrite } from "./block-bytes.ts";
import type { StackDepot } from "./depot.ts";
import { hexDump } from "./hex-dump.ts";
import { RECORD_BYTES } from "./layout.ts";
import { type Located, objectAddress } from "./locate-object.ts";
import { BugReport, type ReportedBlock, type ReportedBytes, type Track } from "./report.ts";
import type { DebugRoot } from "./root.ts";
import type { CallerStacks, StackSettings } from "./stack.ts";

/** Bytes of an object that a report shows at the most, as SLUB does. */
const SHOWN_OBJECT_BYTES = 512;
const SHOWN_ZONE_BYTES = 64;

/** What blocks above the size classes are called, as a cache's name. */
export const LARGE_NAME = "kmalloc-large";

/** How one thread debugs. */
export interface DebugSettings extends StackSettings {
  /** Whether a corruption that is found throws, instead of being repaired. */
  readonly panics: boolean;
  readonly report: (report: BugReport) => void;
  readonly print: (message: string) => void;
  /** Is told of each object that comes and goes. */
  readonly tracer?: DebugTracer | undefined;
}

/** Is told of objects, with numbers only: the kind of the cache that reports would name, and the id of a stack. */
export interface DebugTracer {
  alloc(kind: number, address: number, sizeBytes: number, blockBytes: number, stack: number): void;
  free(kind: number, address: number, stack: number): void;
  pageAlloc(address: number, sizeBytes: number): void;
  pageFree(address: number, sizeBytes: number): void;
}

/** Makes the reports of one thread, and sees to what becomes of them. */
export class BugReporter {
  readonly #layers: Layers;
  readonly #root: DebugRoot;
  readonly #depot: StackDepot;
  readonly #stacks: CallerStacks;
  readonly #settings: DebugSettings;

  constructor(layers: Layers, root: DebugRoot, depot: StackDepot, stacks: CallerStacks, settings: DebugSettings) {
    this.#layers = layers;
    this.#root = root;
    this.#depot = depot;
    this.#stacks = stacks;
    this.#settings = settings;
  }

  /** The report for bytes of a block that are not what they were. */
  corruption(located: Located, overwrite: Overwrite, fix: string | undefined, entryFunction: unknown): BugReport {
    return new BugReport({
      cache: this.cacheName(located.record.kind),
      reason: "Object corrupt",
      bytes: this.#reportedBytes(located, overwrite),
      address: undefined,
      block: this.reportedBlock(located),
      dump: this.#dump(located, overwrite),
      stack: this.#stacks.text(entryFunction),
      fix,
    });
  }

  /** Reports a block whose record is damaged; `fix` says what is done about it. */
  damaged(located: Located, entryFunction: unknown, fix?: string): void {
    const end = located.block.address + located.block.bytes;
    this.found(
      new BugReport({
        cache: this.#cacheAt(located.block.address),
        reason: `Object padding overwritten in 0x${(end - RECORD_BYTES).toString(16)}-0x${(end - 1).toString(16)}`,
        bytes: undefined,
        address: undefined,
        block: undefined,
        dump: hexDump(this.#layers.memory, [{ label: "Padding", start: end - RECORD_BYTES, end }]),
        stack: this.#stacks.text(entryFunction),
        fix,
      }),
    );
  }

  /** Whether what is found is thrown instead of repaired. */
  get panics(): boolean {
    return this.#settings.panics;
  }

  /** Hands a report on, and throws where that is wished. */
  found(report: BugReport): void {
    this.#settings.report(report);
    if (this.#settings.panics) throw new KmemError("CORRUPTION", report.title, { report });
  }

  /** The error for a free of what is no object, once it has been reported. */
  refusal(address: number, located: Located | undefined, entryFunction: unknown): KmemError {
    const plain = badFree(this.#layers, address);
    const isObject = located !== undefined && located.record.state !== "damaged" && address === objectAddress(located);
    const isFree = isObject && located.record.state !== "LIVE";
    const report = new BugReport({
      cache: located === undefined ? LARGE_NAME : this.cacheName(located.record.kind),
      reason: isFree ? "Object already free" : `Invalid object pointer ${pointerText(address)}`,
      bytes: undefined,
      address,
      block: located === undefined ? undefined : this.reportedBlock(located),
      dump: [],
      stack: this.#stacks.text(entryFunction),
      fix: notFreed(address),
    });
    this.#settings.report(report);
    const code = isFree ? "DOUBLE_FREE" : "INVALID_FREE";
    const text = isFree || isObject ? report.title : plain.message;
    return new KmemError(code, text, { ...plain.details, address, report });
  }

  /** The error for a use of what is no live object, once it has been reported. */
  notLive(address: number, located: Located | undefined, entryFunction: unknown): KmemError {
    const isFree = located !== undefined && address === objectAddress(located);
    const report = new BugReport({
      cache: located === undefined ? LARGE_NAME : this.cacheName(located.record.kind),
      reason: isFree ? "Use of an object that is free" : `Invalid object pointer ${pointerText(address)}`,
      bytes: undefined,
      address,
      block: located === undefined ? undefined : this.reportedBlock(located),
      dump: [],
      stack: this.#stacks.text(entryFunction),
      fix: undefined,
    });
    this.#settings.report(report);
    return new KmemError("INVALID_ADDRESS", `${report.title}${signedHint("address", address)}`, { address, report });
  }

  /** The error for a free of an object through a cache that it does not belong to, once it has been reported. */
  wrongCache(address: number, located: Located, cache: string, entryFunction: unknown): KmemError {
    const own = this.cacheName(located.record.kind);
    const report = new BugReport({
      cache,
      reason: `Wrong slab cache. ${cache} but object is from ${own}`,
      bytes: undefined,
      address,
      block: this.reportedBlock(located),
      dump: [],
      stack: this.#stacks.text(entryFunction),
      fix: notFreed(address),
    });
    this.#settings.report(report);
    return new KmemError("INVALID_FREE", report.title, { address, report });
  }

  /** What a report says of a block. */
  reportedBlock(located: Located): ReportedBlock {
    const { block, record } = located;
    const { memory, pages, caches } = this.#layers;
    const frame = block.address >>> PAGE_SHIFT;
    const kind = pages.frames.kind(frame);
    const isInSlab = kind >= FrameKind.FIRST_CACHE;
    const head = isInSlab
      ? memory.words[pages.frames.record(frame) + FrameRecord.SLAB_OR_OWNER] & SLAB_HEAD_MASK
      : frame;
    const objects = isInSlab ? caches.get(kind, CacheRecord.SLAB_BLOCKS) : 1;
    const free = memory.words[pages.frames.record(head) + FrameRecord.COUNT] & SLAB_FREE_MASK;
    return {
      address: objectAddress(located),
      sizeBytes: record.sizeBytes,
      state: record.state,
      offset: objectAddress(located) - head * PAGE_SIZE,
      allocated:
        record.sequence === 0 ? undefined : this.#track(record.allocStack, record.allocSlot, record.allocTimeMs),
      freed: record.freeTimeMs === 0 ? undefined : this.#track(record.freeStack, record.freeSlot, record.freeTimeMs),
      slab: isInSlab ? { address: head * PAGE_SIZE, objects, used: objects - free } : undefined,
    };
  }

  #track(stack: number, slot: number, timeMs: number): Track {
    return { stack: this.#depot.textOf(stack), slot, ageMs: Math.max(0, this.now() - timeMs) };
  }

  #reportedBytes(located: Located, { what, from, to, byte, found }: Overwrite): ReportedBytes {
    const { address, sizeBytes, offset } = this.reportedBlock(located);
    const where =
      from < address
        ? `${address - from} bytes left of the object`
        : from >= address + sizeBytes
          ? `${from - address - sizeBytes} bytes right of the object`
          : `${from - address} bytes inside of the object`;
    return { what, from, to, offset: offset + from - address, expected: byte, found, where };
  }

  #dump(located: Located, overwrite: Overwrite): string[] {
    const { block, record } = located;
    const address = objectAddress(located);
    const end = address + record.sizeBytes;
    const recordStart = block.address + block.bytes - RECORD_BYTES;
    const objectEnd = Math.min(end, address + SHOWN_OBJECT_BYTES);
    const zoneStart = Math.max(block.address, address - SHOWN_ZONE_BYTES);
    const zoneEnd = Math.min(recordStart, end + SHOWN_ZONE_BYTES);
    const { from } = overwrite;
    const to = Math.min(overwrite.to, from + SHOWN_ZONE_BYTES);
    // What lies far from what is shown anyway is shown by itself: between the two there may be megabytes.
    const isBefore = from < zoneStart;
    const isInside = from >= objectEnd && from < end;
    const isAfter = from >= zoneEnd;
    const sections = [
      ...(isBefore ? [{ label: "Redzone", start: from, end: Math.min(to, zoneStart) }] : []),
      { label: "Redzone", start: zoneStart, end: address },
      { label: "Object", start: address, end: objectEnd },
      ...(isInside ? [{ label: "Object", start: from, end: to }] : []),
      { label: "Redzone", start: end, end: zoneEnd },
      ...(isAfter ? [{ label: "Redzone", start: from, end: to }] : []),
    ];
    return hexDump(this.#layers.memory, sections, { from: overwrite.from, to: overwrite.to });
  }

  /** Prints an alloc or a free. */
  trace(verb: string, kind: number, address: number, entryFunction: unknown): void {
    const { caches } = this.#layers;
    const used = kind < FrameKind.FIRST_CACHE ? 1 : caches.get(kind, CacheRecord.SLABS);
    const stack = this.#stacks.text(entryFunction);
    const text = `TRACE ${this.cacheName(kind)} ${verb} 0x${address.toString(16)} slabs=${used}`;
    this.#settings.print(`${text}\n${stack}`);
  }

  /** Milliseconds since the heap was made; never 0, which stands for never. In a dump the time is that of the dump. */
  now(): number {
    const nowMs = this.#root.dumpedMs ?? Date.now();
    return Math.max(1, Math.round(nowMs - this.#root.epochMs)) >>> 0;
  }

  /** The name that reports give to a cache. */
  cacheName(kind: number): string {
    const { caches } = this.#layers;
    const isCache = caches.isUsed(kind);
    return isCache ? caches.name(kind) : LARGE_NAME;
  }

  #cacheAt(address: number): string {
    return this.cacheName(this.#layers.pages.frames.kind(address >>> PAGE_SHIFT));
  }
}

function notFreed(address: number): string {
  return `Object at ${pointerText(address)} not freed`;
}

/** An address as the kernel prints it; what is no number as it is described everywhere. */
function pointerText(address: unknown): string {
  return hex(typeof address === "number" ? address >>> 0 : address);
}

import { AddressTable, NOT_FOUND } from "../trace/address-table.ts";
import { NO_TIME } from "../trace/event-context.ts";
import { KERNEL_EVENT, KERNEL_EVENT_NAMES } from "../trace/kernel-events.ts";
import { asciiBytes } from "../trace/line-scan.ts";
import { Matcher } from "../trace/matcher.ts";
import { NameTable, NO_NAME } from "../trace/name-table.ts";
import type { OpTotals } from "../trace/op-stream.ts";
import type { ReaderSetting } from "../trace/trace-reader.ts";
import { type FormSummary, summarizeLive } from "../trace/trace-summary.ts";
import type { EventFormat, FieldPlace } from "./event-format.ts";
import { KernelSymbols } from "./kernel-symbols.ts";
import { layoutOf, type RecordLayout } from "./record-layout.ts";

/** One of the memory manager's events, read. Addresses come as two halves of 32 bits. */
export interface KmemRecord {
  /** Of KERNEL_EVENT. */
  code: number;
  pid: number;
  high: number;
  low: number;
  siteHigh: number;
  siteLow: number;
  requestedBytes: number;
  allocatedBytes: number;
  nameId: number;
  pageFrame: number;
  order: number;
}

export function emptyRecord(): KmemRecord {
  return {
    code: 0,
    pid: 0,
    high: 0,
    low: 0,
    siteHigh: 0,
    siteLow: 0,
    requestedBytes: 0,
    allocatedBytes: 0,
    nameId: NO_NAME,
    pageFrame: 0,
    order: 0,
  };
}

/** Memory that records lie in, seen in two ways. */
export interface RecordBytes {
  readonly bytes: Uint8Array;
  /** The same, from the same first byte on. */
  readonly view: DataView;
}

/** The names of tasks, as a file has them. */
export type CommOf = (pid: number) => string | undefined;

const MAX_SIZE_BYTES = 2 ** 32 - 1;
const MAX_PAGE_ORDER = 13;
const PAGE_FRAME_LIMIT = 2 ** 52;
const OTHER_NAME = asciiBytes("(no name)");
/** What a kernel notes for the page of an allocation that failed, at 64 bits (rounded) and at 32. */
const NO_PAGE_64 = 2 ** 63;
const NO_PAGE_32 = 2 ** 32 - 1;
const TWO_TO_32 = 2 ** 32;
const OFFSET_MASK = 0xffff;
const LENGTH_SHIFT = 16;
/** Names of tasks and sites that are kept at once; after so many all are looked up again. */
const CACHED_MAX = 131_072;

/**
 * Reads the records of a kernel's tracepoints by the descriptions that come with them, hands on those of the memory
 * manager, and counts all.
 */
export class KernelRecords {
  readonly #matcher: Matcher;
  readonly #setting: ReaderSetting;
  readonly #namesSystems: boolean;
  readonly #cacheNames = new NameTable();
  readonly #otherNames = new NameTable();
  readonly #otherCounts: number[] = [];
  readonly #eventCounts = new Array<number>(KERNEL_EVENT_NAMES.length).fill(0);
  #layouts: (RecordLayout | string | undefined)[] = [];
  /** By id: the name of another event plus 1, 0 where the file describes none. */
  #others = new Uint32Array(0);
  #typePlace: FieldPlace | undefined;
  #pidPlace: FieldPlace | undefined;
  #littleEndian = true;
  #symbols = new KernelSymbols(new Uint8Array(0));
  #sites = new AddressTable();
  readonly #threads = new Map<number, number>();
  #lostCount = 0;
  #lostEventCount = 0;
  #otherCount = 0;
  #kmemCount = 0;

  /** @param namesSystems whether other events are counted by `system:name`, as perf has them, or by their names. */
  constructor(setting: ReaderSetting, namesSystems: boolean) {
    this.#namesSystems = namesSystems;
    const { sink, stream } = setting;
    const { caches } = stream.tables;
    this.#setting = setting;
    this.#matcher = new Matcher(sink, {
      onCache: (_id, nameId, { objectBytes, allocBytes }) => {
        caches.push({ name: this.#cacheNames.name(nameId), objectBytes, allocBytes });
      },
      onName: (id, nameId) => {
        caches[id]!.name = this.#cacheNames.name(nameId);
      },
    });
  }

  /** Takes the descriptions; answers whether there is anything to read by them. */
  describe(formats: ReadonlyMap<number, EventFormat>, kallsyms: Uint8Array, littleEndian: boolean): boolean {
    const [first] = formats.values();
    this.#littleEndian = littleEndian;
    this.#typePlace = first?.fields.get("common_type");
    this.#pidPlace = first?.fields.get("common_pid");
    const idLimit = Math.max(0, ...formats.keys()) + 1;
    this.#layouts = new Array<undefined>(idLimit).fill(undefined);
    this.#others = new Uint32Array(idLimit);
    for (const [id, format] of formats) {
      const layout = layoutOf(format);
      const name = asciiBytes(this.#namesSystems ? `${format.system}:${format.name}` : format.name);
      this.#layouts[id] = layout;
      if (layout === undefined) this.#others[id] = this.#otherNames.intern(name, 0, name.length) + 1;
    }
    if (this.#setting.stream.wantsContext) this.#symbols = new KernelSymbols(kallsyms);
    return this.#typePlace?.size === 2 && this.#pidPlace?.size === 4;
  }

  /**
   * Reads the record in bytes start … end - 1. Answers whether it is one of the memory manager's and `into` holds it;
   * all others are counted, and so are those that cannot be read.
   *
   * @param position the record's place in the file.
   */
  decode(block: RecordBytes, start: number, end: number, position: number, into: KmemRecord): boolean {
    const { view } = block;
    const typeAt = start + this.#typePlace!.offset;
    const pidAt = start + this.#pidPlace!.offset;
    if (typeAt + 2 > end || pidAt + 4 > end) return this.#reject(position, "the record is too short for any event", "");
    const id = view.getUint16(typeAt, this.#littleEndian);
    const layout = this.#layouts[id];
    if (layout === undefined) {
      const other = this.#others[id] ?? 0;
      if (other === 0) return this.#reject(position, "the file does not describe its kind of event", `kind ${id}`);
      this.#otherCounts[other - 1] = (this.#otherCounts[other - 1] ?? 0) + 1;
      this.#otherCount += 1;
      return false;
    }
    if (typeof layout === "string") return this.#reject(position, layout, `kind ${id}`);
    const name = KERNEL_EVENT_NAMES[layout.code]!;
    if (start + layout.leastBytes > end) return this.#reject(position, `${name}: the record is too short`, "");
    into.code = layout.code;
    into.pid = view.getInt32(pidAt, this.#littleEndian);
    const reason = this.#readFields(layout, block, start, end, into);
    if (reason !== undefined) return this.#reject(position, `${name}: ${reason}`, "");
    return true;
  }

  #reject(position: number, reason: string, text: string): false {
    this.#setting.broken.add(position, reason, () => text);
    return false;
  }

  #readFields(
    layout: RecordLayout,
    block: RecordBytes,
    start: number,
    end: number,
    into: KmemRecord,
  ): string | undefined {
    const { view } = block;
    const { site, pointer, requested, pageFrame } = layout;
    into.siteHigh = site === undefined ? 0 : this.#high(view, start, site);
    into.siteLow = site === undefined ? 0 : this.#low(view, start, site);
    into.allocatedBytes = 0;
    if (pointer === undefined) {
      const frame = this.#number(view, start, pageFrame!);
      into.pageFrame = frame >= NO_PAGE_64 || (pageFrame!.size === 4 && frame === NO_PAGE_32) ? 0 : frame;
      if (into.pageFrame >= PAGE_FRAME_LIMIT) return "pfn is not a page frame number";
      into.order = layout.order === undefined ? 0 : this.#number(view, start, layout.order);
      return into.order > MAX_PAGE_ORDER ? `order is not 0 to ${MAX_PAGE_ORDER}` : undefined;
    }
    into.high = this.#high(view, start, pointer);
    into.low = this.#low(view, start, pointer);
    into.nameId = layout.cacheName === undefined ? NO_NAME : this.#readName(block, start, end, layout.cacheName);
    if (requested === undefined) return undefined;
    into.requestedBytes = this.#number(view, start, requested);
    into.allocatedBytes = this.#number(view, start, layout.allocated!);
    if (into.requestedBytes > MAX_SIZE_BYTES) return "bytes_req has more than 32 bits";
    return into.allocatedBytes > MAX_SIZE_BYTES ? "bytes_alloc has more than 32 bits" : undefined;
  }

  #high(view: DataView, start: number, { offset, size }: FieldPlace): number {
    return size < 8 ? 0 : view.getInt32(start + offset + (this.#littleEndian ? 4 : 0), this.#littleEndian);
  }

  #low(view: DataView, start: number, { offset, size }: FieldPlace): number {
    const at = start + offset;
    const little = this.#littleEndian;
    switch (size) {
      case 1:
        return view.getUint8(at);
      case 2:
        return view.getUint16(at, little);
      case 4:
        return view.getInt32(at, little);
      default:
        return view.getInt32(little ? at : at + 4, little);
    }
  }

  #number(view: DataView, start: number, place: FieldPlace): number {
    return (this.#high(view, start, place) >>> 0) * TWO_TO_32 + (this.#low(view, start, place) >>> 0);
  }

  /** The name of a cache, whose place and length stand in one word; what points out of the record is no name. */
  #readName({ bytes, view }: RecordBytes, start: number, end: number, { offset, size, text }: FieldPlace): number {
    const word = view.getUint32(start + offset, this.#littleEndian);
    const base = text === "relative" ? start + offset + size : start;
    const from = base + (word & OFFSET_MASK);
    const limit = Math.min(end, from + (word >>> LENGTH_SHIFT));
    if (from >= limit) return NO_NAME;
    let to = from;
    while (to < limit && bytes[to] !== 0) to += 1;
    return this.#cacheNames.intern(bytes, from, to);
  }

  /** Hands a record on. `cpu` counts from 0, and is -1 where it is not known. */
  emit(record: KmemRecord, timeNs: number, cpu: number, commOf: CommOf): void {
    const { stream } = this.#setting;
    if (stream.wantsContext) {
      const { context } = stream;
      context.timeNs = Number.isFinite(timeNs) ? timeNs : NO_TIME;
      context.cpu = cpu + 1;
      context.thread = this.#threadOf(record.pid, commOf);
      context.stack = this.#siteOf(record.siteHigh, record.siteLow);
      context.allocatedBytes = record.allocatedBytes;
    }
    this.#kmemCount += 1;
    this.#eventCounts[record.code]! += 1;
    const matcher = this.#matcher;
    const { high, low } = record;
    switch (record.code) {
      case KERNEL_EVENT.KMALLOC:
      case KERNEL_EVENT.KMALLOC_NODE:
        matcher.kmalloc(high, low, record.requestedBytes, record.allocatedBytes);
        return;
      case KERNEL_EVENT.KFREE:
        matcher.kfree(high, low);
        return;
      case KERNEL_EVENT.CACHE_ALLOC:
      case KERNEL_EVENT.CACHE_ALLOC_NODE:
        matcher.cacheAlloc(high, low, record.nameId, record.requestedBytes, record.allocatedBytes);
        return;
      case KERNEL_EVENT.CACHE_FREE:
        matcher.cacheFree(high, low, record.nameId);
        return;
      case KERNEL_EVENT.PAGE_ALLOC:
        matcher.pageAlloc(record.pageFrame, record.order);
        return;
      case KERNEL_EVENT.PAGE_FREE_BATCHED:
        return;
      default:
        matcher.pageFree(record.pageFrame, record.order);
    }
  }

  /** Counts a record of something that is no tracepoint, as the text of it would be. */
  other(): void {
    const nameId = this.#otherNames.intern(OTHER_NAME, 0, OTHER_NAME.length);
    this.#otherCounts[nameId] = (this.#otherCounts[nameId] ?? 0) + 1;
    this.#otherCount += 1;
  }

  /** Notes that the recorder lost events, how many of them if it says so. */
  lost(eventCount: number): void {
    this.#lostCount += 1;
    this.#lostEventCount += eventCount;
  }

  /** Has the name of a task looked up again: it has another one from now on. */
  forgetThread(pid: number): void {
    this.#threads.delete(pid);
  }

  totals(): OpTotals {
    return this.#matcher.totals();
  }

  summarize(form: string): FormSummary {
    const matcher = this.#matcher;
    const kmemEvent = this.#kmemCount;
    const otherEvent = this.#otherCount;
    const lost = this.#lostCount;
    const none = { ranOn: 0, comment: 0, blank: 0, stack: 0, header: 0, continuation: 0, functionGraph: 0 };
    return {
      format: "kernel",
      form,
      events: this.#events(),
      slotCount: matcher.totals().slotCount,
      live: summarizeLive(matcher.total),
      lines: { ...none, total: kmemEvent + otherEvent + lost, kmemEvent, otherEvent, lost },
      lostEventCount: this.#lostEventCount,
      unread: [],
      objects: { ...summarizeLive(matcher.liveObjects), ...matcher.objectCounts() },
      pages: { ...summarizeLive(matcher.livePages), ...matcher.pageCounts() },
      caches: matcher.registry.caches(this.#cacheNames),
    };
  }

  #events(): Readonly<Record<string, number>> {
    // A map and not an object: a file may name an event as it likes, `__proto__` included.
    const counts = new Map<string, number>();
    const add = (name: string, count: number): void => {
      if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count);
    };
    for (const [code, count] of this.#eventCounts.entries()) add(KERNEL_EVENT_NAMES[code]!, count);
    for (const [nameId, count] of this.#otherCounts.entries()) add(this.#otherNames.name(nameId), count ?? 0);
    return Object.fromEntries(counts);
  }

  #threadOf(pid: number, commOf: CommOf): number {
    const known = this.#threads.get(pid);
    if (known !== undefined) return known;
    if (this.#threads.size >= CACHED_MAX) this.#threads.clear();
    const thread = this.#setting.stream.tables.thread(`${commOf(pid) ?? "<...>"}-${pid}`);
    this.#threads.set(pid, thread);
    return thread;
  }

  #siteOf(high: number, low: number): number {
    if ((high | low) === 0) return 0;
    const known = this.#sites.find(high, low);
    if (known !== NOT_FOUND) return known;
    if (this.#sites.size >= CACHED_MAX) this.#sites = new AddressTable();
    const site = this.#setting.stream.tables.site(this.#symbols.nameOf(high, low));
    this.#sites.set(high, low, site);
    return site;
  }
}

import { beforeEach, describe, expect, it } from "vitest";
import { Buckets } from "../../src/bucket/bucket.ts";
import { setMark } from "../../src/bucket/runs.ts";
import { bucketShapes } from "../../src/bucket/shape.ts";
import { TicketLock } from "../../src/cluster/ticket-lock.ts";
import { layersOf } from "../../src/heap/access.ts";
import { checkHeap, Heap } from "../../src/index.ts";
import { freeRun } from "../../src/kmalloc/block-run.ts";
import type { Layers } from "../../src/kmalloc/layers.ts";
import * as layout from "../../src/layout.ts";
import { KmemAssertionError } from "../../src/memory/assert.ts";
import { headerWord } from "../../src/memory/header.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import { assertFree, assertOwner, assertRun, assertUsed } from "../../src/pages/assertions.ts";
import { PcpLists } from "../../src/pages/pcp-lists.ts";
import { setWatermarks } from "../../src/pages/zone.ts";
import { createRegion, release } from "../../src/region/region.ts";
import {
  assertFutureSlab,
  assertListedSlab,
  assertRecord,
  assertRoom,
  assertSlab,
  assertTagged,
} from "../../src/slab/assertions.ts";
import { compareExchangeBlockOwner } from "../../src/slab/ownership.ts";
import { linkSlab, unlinkSlab } from "../../src/slab/slab-list.ts";
import { tagIndex } from "../../src/slab/tags.ts";
import { CriticalSection } from "../../src/sync/critical-section.ts";
import { lockOwner } from "../../src/sync/lock.ts";
import { SlotSet } from "../../src/sync/slot-set.ts";
import { writeArea } from "../../src/vmalloc/areas.ts";
import { PageTable } from "../../src/vmalloc/page-table.ts";
import { Vmalloc } from "../../src/vmalloc/vmalloc.ts";
import { Records } from "../../src/vmem/records.ts";
import { Vmem } from "../../src/vmem/vmem.ts";
import { MIB } from "../support/memories.ts";

const { CacheRecord, FrameKind, FrameRecord, Header, NO_FRAME, OwnerMark, PAGE_SIZE, RunKind, Tag, Zone, ZoneRecord } =
  layout;
/** The size class of 96 bytes. */
const BLOCK_BYTES = 96;
const KIND: number = FrameKind.FIRST_CACHE + 5;

let heap: Heap;
let layers: Layers;

/** A heap with a slab of the size class that has free blocks. */
function newHeap(): void {
  heap = Heap.create({ sizeBytes: 4 * MIB, slotCount: 4 });
  layers = layersOf(heap);
  heap.alloc(BLOCK_BYTES);
  heap.trim();
}

beforeEach(newHeap);

function lock(field: number): number {
  return headerWord(layers.geometry, field);
}

function take(field: number): void {
  layers.sync.locks.acquire(lock(field));
}

function cacheWord(field: number): number {
  return layers.caches.record(KIND) + field;
}

function normalZone(): Layers["pages"]["zones"][number] {
  return layers.pages.zones[Zone.NORMAL] as Layers["pages"]["zones"][number];
}

/** The first slab of the size class that has free blocks. */
function listedSlab(): number {
  return layers.caches.get(KIND, CacheRecord.PARTIAL_HEAD);
}

function tagTables(): Parameters<typeof assertTagged>[0] {
  return layers.pages.frames;
}

function run(count: number): number {
  return layers.pages.allocate(count, RunKind.SYSTEM);
}

/** One line for each sort of mistake: what is done, and the sentence that should have been true. */
const mistakes: readonly (readonly [what: string, make: () => unknown, expectation: RegExp])[] = [
  // Locks.
  [
    "a lock taken twice",
    () => [take(Header.PAGES_LOCK), take(Header.PAGES_LOCK)],
    /no slot takes the lock at word \d+ twice/,
  ],
  [
    "a lock taken against the order",
    () => [take(Header.PAGES_LOCK), take(Header.TABLE_LOCK)],
    /before the one at word/,
  ],
  ["two locks of one rank", () => [take(Header.BUCKET_LOCK), take(Header.VMALLOC_LOCK)], /before the one at word/],
  [
    "sheaves closed under a cache's lock",
    () => [layers.sync.locks.acquire(cacheWord(CacheRecord.LOCK)), take(Header.SHEAVES_LOCK)],
    /before the one/,
  ],
  [
    "a lock given back that is not held",
    () => layers.sync.locks.release(lock(Header.PAGES_LOCK)),
    /released by who holds it/,
  ],
  [
    "blocks taken from slabs without the lock",
    () => layers.slabs.take(layers.caches.record(KIND), 0, 1, 0),
    /holds the cache's lock/,
  ],
  ["watermarks without the lock", () => layers.pages.lock.updatePressure(), /holds the pages' lock/],
  ["sheaves closed without the lock", () => layers.sheaves.closeAll(), /holds the sheaves lock/],
  ["barns ended without the lock", () => layers.barns.destroy(), /holds the table's lock/],
  ["a reclaim under a lock", () => [take(Header.PAGES_LOCK), heap.trim()], /before the one at word|no lock is held/],
  ["a refill under a lock", () => [take(Header.TABLE_LOCK), exhaust()], /no lock is held when a sheaf is filled/],
  ["a wait under a lock", () => [take(Header.TABLE_LOCK), heap.allocWait(10)], /no lock is held while a thread waits/],
  ["a lock's owner that is no slot", () => lockOwner(127, 1), /127 is the number of a slot/],
  [
    "a section left by who is outside",
    () => new CriticalSection(layers.memory, 64, { owner: 1 }).leave(),
    /left by who is inside/,
  ],
  ["a ticket lock released that is free", () => freeTicketLock().release(), /released by who holds it/],
  // Pages.
  [
    "pages given back twice",
    () => [layers.pages.freeExclusive(run(2), 2), normalZone().give(freePage(), 1)],
    /is not free yet/,
  ],
  ["pages given to another zone", () => normalZone().give(layers.geometry.baseFrame, 1), /lie in their zone/],
  ["pages carved that are in use", () => normalZone().carve(run(1), 1), /is free, not of kind/],
  [
    "a count of free blocks",
    () => [normalZone().set(ZoneRecord.FREE_COUNT + 10, 900), run(1)],
    /all that it counts as free|are in its list/,
  ],
  [
    "a count of free pages",
    () => [normalZone().set(ZoneRecord.FREE_FRAMES, 5), layers.pages.freeExclusive(run(1), 1)],
    /counts as free/,
  ],
  ["a link in a free list", () => [breakFreeList(), run(1)], /leads to it|leads back to it/],
  ["a run given back shorter than it is", () => layers.pages.freeExclusive(run(3), 2), /has 2 pages, and not 3/],
  ["a run made shorter by nothing", () => layers.pages.shorten(run(3), 3), /is made shorter/],
  ["a run made longer by nothing", () => layers.pages.extend(run(3), 3, RunKind.SYSTEM), /is made longer/],
  [
    "a run of another kind",
    () => assertRun(layers.pages.frames, run(3), 3, RunKind.LARGE_BLOCK),
    /head of a run of kind 6, not 8/,
  ],
  ["a run of another owner", () => assertOwner(layers.pages.frames, run(3), layout.RunOwner.HEAP), /is owned as/],
  ["an owner that is a mark", () => assertOwner(layers.pages.frames, run(3), OwnerMark.BUCKET), /-2 is an owner/],
  [
    "a page beyond the end",
    () => assertFree(layers.pages.frames, layers.pages.frames.endFrame, 1),
    /end before the heap does/,
  ],
  ["no pages", () => assertUsed(layers.pages.frames, run(1), 0), /has one page or more, not 0/],
  ["a run cached twice", () => cacheTwice(2), /is cached once/],
  ["a run cached that is not aligned", () => cacheTwice(1), /is aligned to its order/],
  ["watermarks that a zone cannot keep", () => setWatermarks(normalZone(), 1e6), /a zone can keep 1000000 pages back/],
  // Blocks.
  ["a tag on a hand-over", () => handOver(KIND, Tag.IN_BARN), /has the tag 127, not/],
  ["a kind on a hand-over", () => handOver(KIND + 1, Tag.IN_SLAB), /is of kind \d+, not/],
  ["a slab of pages that are somebody's", () => assertFutureSlab(tagTables(), listedSlab(), 1), /is the heap's own/],
  ["a page that is no slab", () => assertSlab(layers.pages.frames, run(1)), /is a slab's, not of kind 8/],
  [
    "a slab listed twice",
    () => linkSlab(layers.pages.frames, listedSlab(), layers.caches.record(KIND)),
    /is in no list yet/,
  ],
  ["a link in a list of slabs", () => breakSlabList(), /leads to it|leads back to it/],
  ["counts of slabs", () => [set(CacheRecord.EMPTY_SLABS, 9), exhaust()], /slabs are empty than there are/],
  ["counts of free blocks", () => [set(CacheRecord.FREE_BLOCKS, 1e6), exhaust()], /blocks free/],
  ["a cache destroyed with slabs", () => layers.caches.destroy(KIND), /has SLABS 0, not/],
  [
    "a word that begins no record",
    () => assertRecord(layers.caches.record(KIND) + 1, layers.caches.record(FrameKind.FIRST_CACHE)),
    /begins the record/,
  ],
  [
    "a stack with more than it has room for",
    () => assertRoom(5, 4, "a sheaf"),
    /a sheaf holds from 0 to 4 blocks, not 5/,
  ],
  [
    "a block given to no slot",
    () => compareExchangeBlockOwner(layers, heap.alloc(32), 0, 126),
    /a slot that blocks are given to/,
  ],
  ["a run freed that is no block", () => freeUnmarked(), /that is freed is a block, not of kind 8/],
  // Slots.
  [
    "a slot released with its area",
    () => layers.slots.release(layers.slot),
    /has no private pages when it is released/,
  ],
  ["an area within a page", () => layers.slots.setArea(1, 100), /begin with a page, not at 100/],
  ["an area of no slot", () => layers.slots.setArea(4, 0), /there is a slot 4/],
  ["a slot reserved again that is free", () => layers.slots.unoccupy(2), /is held by the thread that could not attach/],
  ["a bit of no slot", () => new SlotSet(layers.memory, 0, 4).add(32), /there is a bit for slot 32/],
  [
    "an attempt within an attempt",
    () => layers.sync.waiters.try(() => layers.sync.waiters.try(() => 1)),
    /within another/,
  ],
  // Engines.
  ["a bucket's block freed twice", () => buckets().push(run(1), 0), /changes its state|is one of the bucket/],
  [
    "a mark on a run of others",
    () => setMark({ ...layers }, run(1), OwnerMark.BUCKET),
    /is marked that the engine has/,
  ],
  ["a record where none is left", () => emptyRecords().take(), /there is an unused record/],
  ["an arena's counts", () => freeTooMuch(), /can be free besides/],
  [
    "an area of no kind",
    () => writeArea(layers.memory, 0, { kind: 0, pageCount: 1, askedBytes: 1, caller: "", slot: 0 }),
    /is of a kind/,
  ],
  ["a virtual page mapped twice", () => mapTwice(), /is not mapped yet/],
  ["a virtual page that is not mapped", () => unmapTwice(), /is mapped/],
  ["a region's chunk freed twice", () => releaseFree(), /that is freed is busy/],
];

/** Allocates until a slab has been made. */
function exhaust(): void {
  const slabs = layers.caches.get(KIND, CacheRecord.SLABS);
  for (let block = 0; block < 5000 && layers.caches.get(KIND, CacheRecord.SLABS) === slabs; block++)
    heap.alloc(BLOCK_BYTES);
}

function set(field: number, value: number): void {
  layers.memory.words[cacheWord(field)] = value;
}

function freePage(): number {
  return layers.pages.frames.endFrame - 1;
}

/** The first block of the longest list names a page before it that there is not. */
function breakFreeList(): void {
  const zone = normalZone();
  const order = Array.from({ length: layout.ORDER_COUNT }, (_, index) => index).find(
    (index) => zone.head(index) !== NO_FRAME,
  );
  const { frames } = layers.pages;
  frames.memory.words[frames.record(zone.head(order ?? 0)) + FrameRecord.PREV] = freePage();
}

function breakSlabList(): void {
  const { frames } = layers.pages;
  const slab = listedSlab();
  frames.memory.words[frames.record(slab) + FrameRecord.PREV] = slab;
  assertListedSlab(frames, slab, layers.caches.record(KIND));
  unlinkSlab(frames, slab, layers.caches.record(KIND));
}

function cacheTwice(frame: number): void {
  const words = new Int32Array(layout.PCP_WORDS);
  const cache = new PcpLists(0);
  cache.push(words, 1, frame);
  cache.push(words, 1, frame);
}

/** Says of a block that lies in its slab that it has another kind or tag. */
function handOver(kind: number, tag: number): void {
  const words = layers.memory.words;
  const scratch = layers.sheaves.areaWord + layout.AreaWord.SCRATCH;
  const granules = tagTables().tagBias + listedSlab() * (PAGE_SIZE / layout.GRANULE);
  const free = layers.memory.bytes.subarray(granules, granules + PAGE_SIZE / layout.GRANULE).indexOf(Tag.IN_SLAB);
  words[scratch] = listedSlab() * PAGE_SIZE + free * layout.GRANULE;
  assertTagged(tagTables(), { firstWord: scratch, count: 1, kind, tag });
}

function freeUnmarked(): void {
  const address = run(1) * PAGE_SIZE;
  layers.memory.bytes[tagIndex(layers.geometry, address)] = layers.slot + 1;
  freeRun(layers, address);
}

function freeTicketLock(): TicketLock {
  return new TicketLock(new LinearMemory(new SharedArrayBuffer(4096)), 0);
}

function buckets(): Buckets {
  return new Buckets(layers.memory, bucketShapes());
}

function arena(): { memory: LinearMemory; vmem: Vmem } {
  const memory = new LinearMemory(new ArrayBuffer(PAGE_SIZE));
  const vmem = Vmem.create(memory, 64);
  vmem.addTable(256, 1024);
  vmem.addSpan(0, 100);
  return { memory, vmem };
}

function emptyRecords(): Records {
  const memory = new LinearMemory(new ArrayBuffer(PAGE_SIZE));
  Vmem.create(memory, 64);
  return new Records(memory, 16);
}

function freeTooMuch(): void {
  const { memory, vmem } = arena();
  const start = vmem.alloc(10);
  memory.words[16 + layout.ArenaHeader.FREE_UNITS] = 100;
  vmem.free(start);
}

function pageTable(): PageTable {
  const anchor = heap.calloc(1, 16);
  Vmalloc.create(layers, anchor);
  return new PageTable(layers, layers.memory.words[anchor / 4] as number);
}

function mapTwice(): void {
  const table = pageTable();
  const frame = run(1);
  table.map(5, frame, 1, false);
  table.map(5, frame, 1, false);
}

function unmapTwice(): void {
  const table = pageTable();
  table.map(5, run(1), 1, false);
  table.map(6, run(1), 1, false);
  table.unmap(5, 1);
  table.unmap(5, 1);
}

function releaseFree(): void {
  const words = new Int32Array(1024);
  const header = createRegion(words, 16, 4095) >>> 2;
  release(words, header, (words[header + layout.RegionHeader.FIRST] as number) + layout.CHUNK_HEADER_BYTES);
}

describe("an assertion fires at", () => {
  it.each(mistakes)("%s", (_what, make, expectation) => {
    expect(make).toThrow(KmemAssertionError);
    newHeap();
    expect(make).toThrow(expectation);
  });

  it("no ordinary work", () => {
    const blocks = Array.from({ length: 1000 }, (_, index) => heap.alloc(16 + ((index * 7) % 2000)));
    for (const block of blocks) heap.free(block);
    heap.pages.free(heap.pages.alloc(3), 3);
    heap.trim();
    expect(checkHeap(heap).isClean).toBe(true);
  });
});

import type * as BucketModule from "../../src/bucket/bucket-heap.ts";
import { layersOf } from "../../src/heap/access.ts";
import { heapStats } from "../../src/index.ts";
import { WORD_BYTES } from "../../src/memory/layout.ts";
import { OwnerMark, RunKind } from "../../src/pages/layout.ts";
import { ARENA_RECORDS_OFFSET, VM_AREA_WORDS } from "../../src/vmalloc/layout.ts";
import type * as VmallocModule from "../../src/vmalloc/vmalloc.ts";
import { ARENA_TABLE_WORDS, SEGMENT_WORDS } from "../../src/vmem/layout.ts";
import { call } from "../interleave/call.ts";
import type { ThreadBody } from "../interleave/runtime/virtual-thread.ts";
import type { Heap } from "../interleave/scenarios/kmem.ts";
import { moduleOf, SURVIVOR, VICTIM } from "./modules.ts";
import { type Operation, PAGE_BYTES, type Threads } from "./world.ts";

type BucketHeap = BucketModule.BucketHeap;
type Vmalloc = VmallocModule.Vmalloc;

/** An engine as the threads have it. */
interface Opened<Engine> {
  readonly victim: Engine;
  readonly survivor: Engine;
}

function bucketClass(threads: Threads, thread: number): typeof BucketModule.BucketHeap {
  return moduleOf<typeof BucketModule>(threads, thread, "bucket/bucket-heap.ts").BucketHeap;
}

function vmallocClass(threads: Threads, thread: number): typeof VmallocModule.Vmalloc {
  return moduleOf<typeof VmallocModule>(threads, thread, "vmalloc/vmalloc.ts").Vmalloc;
}

function openBuckets(threads: Threads, thread: number): BucketHeap {
  const layers = layersOf(thread === VICTIM ? threads.victim : threads.survivor);
  return bucketClass(threads, thread).open(layers, () => {}) as BucketHeap;
}

/** Frees all blocks and buffers of the engine, and its own page, which it never gives back itself. */
function dropBuckets(heap: Heap, buckets: BucketHeap): void {
  for (const { address } of buckets.blocks()) buckets.free(address);
  const { frames } = layersOf(heap).pages;
  const marked = (mark: number): number[] => {
    const all = Array.from({ length: frames.endFrame - frames.firstPageFrame }, (_, at) => frames.firstPageFrame + at);
    return all.filter((frame) => frames.kind(frame) === RunKind.BUCKET && frames.owner(frame) === mark);
  };
  for (const frame of marked(OwnerMark.DMA_BUFFER)) buckets.freeDma(frame * PAGE_BYTES);
  for (const frame of marked(OwnerMark.BUCKET_STATE)) layersOf(heap).pages.freeExclusive(frame, 1);
}

/** Works on buckets: `prepare` returns the blocks that the operation is about. */
function bucketing(
  name: string,
  prepare: (buckets: BucketHeap, heap: Heap) => readonly number[],
  operate: (buckets: BucketHeap, at: readonly number[]) => ThreadBody,
): Operation {
  let opened: Opened<BucketHeap> | undefined;
  let about: readonly number[] = [];
  return {
    name: `buckets, ${name}`,
    prepare: (threads) => {
      const survivor = openBuckets(threads, SURVIVOR);
      opened = { survivor, victim: openBuckets(threads, VICTIM) };
      about = prepare(survivor, threads.survivor);
      const kept = survivor.blocks().filter(({ address }) => !about.includes(address));
      return {
        check: () => [
          ...survivor.check().map(({ problem }) => problem),
          ...kept.filter(({ address }) => survivor.stateAt(address) !== "live").map(() => "a live block is gone"),
        ],
        goOn: () => survivor.free(survivor.alloc(100, 0)),
        cleanUp: (heap) => dropBuckets(heap, survivor),
      };
    },
    operate: () => operate((opened as Opened<BucketHeap>).victim, about),
  };
}

function times(count: number, make: () => number): number[] {
  return Array.from({ length: count }, make);
}

/** Blocks of a bucket of 1024 bytes: the metadata takes the place of the fourth. */
const PER_BUCKET = 3;

const buckets: readonly Operation[] = [
  {
    name: "buckets: opened for the first time",
    prepare: (threads) => ({
      check: () => (openBuckets(threads, SURVIVOR).check().length === 0 ? [] : ["the buckets are damaged"]),
      goOn: () => void openBuckets(threads, SURVIVOR),
      cleanUp: (heap) => dropBuckets(heap, openBuckets(threads, SURVIVOR)),
    }),
    operate: (threads) => call(bucketClass(threads, VICTIM), "open", layersOf(threads.victim), () => {}),
  },
  bucketing(
    "alloc: a bucket is made, beside one",
    (one) => times(PER_BUCKET, () => one.alloc(1024, 0)).slice(PER_BUCKET),
    (one) => call(one, "alloc", 1024, 0),
  ),
  bucketing(
    "alloc: a block of pages",
    () => [],
    (one) => call(one, "alloc", 2 * PAGE_BYTES, 1),
  ),
  bucketing(
    "alloc: the last free block",
    (one) => times(PER_BUCKET - 1, () => one.alloc(1024, 0)).slice(PER_BUCKET),
    (one) => call(one, "alloc", 1024, 0),
  ),
  bucketing(
    "alloc: a free list was overwritten",
    (one, heap) => {
      const [first] = times(2, () => one.alloc(1024, 0)) as [number];
      layersOf(heap).memory.words[(first - (first % PAGE_BYTES)) / WORD_BYTES] = 1;
      return [];
    },
    (one) => call(one, "alloc", 1024, 0),
  ),
  bucketing(
    "free: into its bucket",
    (one) => times(2, () => one.alloc(1024, 0)).slice(1),
    (one, at) => call(one, "free", at[0] as number),
  ),
  bucketing(
    "free: a full bucket enters its list",
    (one) => times(2 * PER_BUCKET + 1, () => one.alloc(1024, 0)).slice(0, 1),
    (one, at) => call(one, "free", at[0] as number),
  ),
  bucketing(
    "free: the last block of a bucket between others",
    (one) => {
      const blocks = times(3 * PER_BUCKET, () => one.alloc(1024, 0));
      // Each bucket keeps one, and comes into the list as it gets its first free block.
      for (const [index, block] of blocks.entries()) if (index % PER_BUCKET !== 0) one.free(block);
      return [blocks[PER_BUCKET] as number];
    },
    (one, at) => call(one, "free", at[0] as number),
  ),
  bucketing(
    "allocDma",
    () => [],
    (one) => call(one, "allocDma", 3 * PAGE_BYTES),
  ),
  bucketing(
    "freeDma",
    (one) => [one.allocDma(3 * PAGE_BYTES)],
    (one, at) => call(one, "freeDma", at[0] as number),
  ),
];

/** Works on virtual memory: `prepare` returns the areas that the operation is about. */
function mapping(
  name: string,
  prepare: (vm: Vmalloc, heap: Heap) => readonly number[],
  operate: (vm: Vmalloc, at: readonly number[]) => ThreadBody,
  options?: Operation["options"],
): Operation {
  let opened: Opened<Vmalloc> | undefined;
  let about: readonly number[] = [];
  return {
    name: `virtual memory, ${name}`,
    ...(options === undefined ? {} : { options }),
    prepare: (threads) => {
      const { survivor: heap, victim } = threads;
      const anchor = newAnchor(heap);
      const vm = vmallocClass(threads, SURVIVOR).create(layersOf(heap), anchor) as Vmalloc;
      opened = { survivor: vm, victim: vmallocClass(threads, VICTIM).attach(layersOf(victim), anchor) };
      about = prepare(vm, heap);
      const kept = vm.areas().filter(({ address }) => !about.includes(address));
      const maps = kept.map(({ address }) => pagesOf(vm, address));
      const isThere = (): boolean => layersOf(heap).memory.words[anchor / WORD_BYTES] !== 0;
      return {
        at: [anchor],
        check: () => (isThere() ? problemsOf(vm, kept, maps) : []),
        goOn: () => void (isThere() && vm.vfree(vm.vmalloc(PAGE_BYTES))),
        cleanUp: () => isThere() && vm.destroy(),
      };
    },
    operate: () => operate((opened as Opened<Vmalloc>).victim, about),
  };
}

function newAnchor(heap: Heap): number {
  const anchor = heap.alloc(16);
  layersOf(heap).memory.words[anchor / WORD_BYTES] = 0;
  return anchor;
}

/** Where the pages of an area lie. */
function pagesOf(vm: Vmalloc, address: number): string {
  const { pageCount = 0 } = vm.findArea(address) ?? {};
  return Array.from({ length: pageCount }, (_, page) => vm.vmallocToPage(address + page * PAGE_BYTES)).join();
}

function problemsOf(vm: Vmalloc, kept: ReturnType<Vmalloc["areas"]>, maps: readonly string[]): string[] {
  const problems: string[] = [];
  vm.check((address, problem) => problems.push(`${problem} (at ${address})`));
  for (const [index, { address }] of kept.entries()) {
    if (pagesOf(vm, address) !== maps[index]) problems.push(`the area at ${address} is another one`);
  }
  return problems;
}

/** Records in the root page; one is that of what is free. */
const FIRST_RECORDS: number = Math.floor(
  ((PAGE_BYTES - ARENA_RECORDS_OFFSET) / WORD_BYTES - ARENA_TABLE_WORDS) / (SEGMENT_WORDS + VM_AREA_WORDS),
);
/** Pages of areas so far apart that each has a page table of its own. */
const FAR: number = 4 * 1024 * 1024;

/** Leaves no more than three pages in a row free. */
function scatter(heap: Heap): void {
  const pages: number[] = [];
  for (let page = heap.pages.tryAlloc(1); page !== 0; page = heap.pages.tryAlloc(1)) pages.push(page);
  const inOrder = pages.sort((a, b) => a - b).slice(0, 64);
  for (const [index, page] of inOrder.entries()) if (index % 4 !== 0) heap.pages.free(page, 1);
}

const virtual: readonly Operation[] = [
  {
    name: "virtual memory: made",
    prepare: (threads) => {
      const { survivor: heap } = threads;
      const anchor = newAnchor(heap);
      const open = (): Vmalloc | undefined => {
        const isThere = layersOf(heap).memory.words[anchor / WORD_BYTES] !== 0;
        return isThere ? vmallocClass(threads, SURVIVOR).attach(layersOf(heap), anchor) : undefined;
      };
      const check = (): readonly string[] => {
        const vm = open();
        return vm === undefined ? [] : problemsOf(vm, [], []);
      };
      return { at: [anchor], check, goOn: () => void open()?.areas(), cleanUp: () => open()?.destroy() };
    },
    operate: (threads, { at = [] }) =>
      call(vmallocClass(threads, VICTIM), "create", layersOf(threads.victim), at[0] as number),
  },
  mapping(
    "vmalloc: with a page table",
    () => [],
    (vm) => call(vm, "vmalloc", 2 * PAGE_BYTES, { caller: "a" }),
  ),
  mapping(
    "vzalloc: between two others, aligned",
    (vm) => {
      const areas = times(3, () => vm.vmalloc(8 * PAGE_BYTES));
      vm.vfree(areas[1] as number);
      return [];
    },
    (vm) => call(vm, "vzalloc", PAGE_BYTES, { alignmentBytes: 4 * PAGE_BYTES }),
  ),
  mapping(
    "vmalloc: records run out",
    (vm) => {
      // One is left, and an area in the middle of nowhere takes two.
      times(FIRST_RECORDS - 2, () => vm.vmalloc(PAGE_BYTES));
      return [];
    },
    (vm) => call(vm, "vmalloc", PAGE_BYTES, { alignmentBytes: FAR }),
  ),
  mapping(
    "vmalloc: pages run out",
    (vm, heap) => {
      vm.vmalloc(PAGE_BYTES);
      while (heapStats(heap).bytes.freePageBytes > 24 * PAGE_BYTES) heap.pages.tryAlloc(1, { reserve: true });
      return [];
    },
    (vm) => call(vm, "vmalloc", 20 * PAGE_BYTES),
  ),
  mapping(
    "vmalloc: of several runs",
    (vm, heap) => {
      vm.vmalloc(PAGE_BYTES);
      scatter(heap);
      return [];
    },
    (vm) => call(vm, "vmalloc", 5 * PAGE_BYTES),
  ),
  mapping(
    "vfree: of several runs",
    (vm, heap) => {
      vm.vmalloc(PAGE_BYTES);
      scatter(heap);
      return [vm.vmalloc(5 * PAGE_BYTES)];
    },
    (vm, at) => call(vm, "vfree", at[0] as number),
  ),
  mapping(
    "vfree: between two free stretches",
    (vm) => {
      const areas = times(5, () => vm.vmalloc(2 * PAGE_BYTES));
      vm.vfree(areas[1] as number);
      vm.vfree(areas[3] as number);
      return [areas[2] as number];
    },
    (vm, at) => call(vm, "vfree", at[0] as number),
  ),
  mapping(
    "vfree: one after the other, between free stretches",
    (vm) => {
      const areas = times(FIRST_RECORDS - 1, () => vm.vmalloc(PAGE_BYTES));
      for (const [index, area] of areas.entries()) if (index % 2 === 1) vm.vfree(area);
      return areas.filter((_, index) => index % 2 === 0);
    },
    function* (vm, at) {
      for (const area of at) yield* call(vm, "vfree", area);
    },
  ),
  mapping(
    "vfree: the last area",
    (vm) => [vm.vmalloc(3 * PAGE_BYTES)],
    (vm, at) => call(vm, "vfree", at[0] as number),
  ),
  mapping(
    "vmap: pages of a user",
    (vm, heap) => {
      vm.vmalloc(PAGE_BYTES);
      const pages = heap.pages.alloc(2);
      return [pages, pages + PAGE_BYTES];
    },
    (vm, at) => call(vm, "vmap", at),
  ),
  mapping(
    "vmap: there is no page for the table",
    (_, heap) => {
      const page = heap.pages.alloc(1);
      while (heap.pages.tryAlloc(1, { reserve: true }) !== 0) if (heapStats(heap).bytes.freePageBytes === 0) break;
      return [page];
    },
    (vm, at) => call(vm, "vmap", at),
    { sizeBytes: 512 * 1024 },
  ),
  mapping(
    "vunmap",
    (vm, heap) => [vm.vmap([heap.pages.alloc(1)])],
    (vm, at) => call(vm, "vunmap", at[0] as number),
  ),
  mapping(
    "destroyed",
    (vm) => times(2, () => vm.vmalloc(2 * PAGE_BYTES)),
    (vm) => call(vm, "destroy"),
  ),
];

/** What the engines do that stand on a heap. */
export const ENGINE_OPERATIONS: readonly Operation[] = [...buckets, ...virtual];

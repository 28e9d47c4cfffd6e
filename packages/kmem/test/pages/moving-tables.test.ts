import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { layersOf } from "../../src/heap/access.ts";
import {
  type BaseHeap,
  checkDump,
  checkHeap,
  dumpHeap,
  Heap,
  heapStats,
  LocalHeap,
  loadDump,
  repairDump,
  repairHeap,
} from "../../src/index.ts";
import { linux } from "../../src/kernels/linux/linux.ts";
import { Header, HeapFlag } from "../../src/layout.ts";
import { openDump, writeDump } from "../../src/memory/dump.ts";
import { FrameRecord } from "../../src/pages/layout.ts";
import { recordIndexInTable, tablePages } from "../../src/pages/moving-tables.ts";
import { expectBytesAddUp, expectClean, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

const WASM_PAGE = 65_536;
const GIB = 1024 * MIB;

const geometryOf = (heap: BaseHeap) => layersOf(heap).geometry;
const movesOf = (heap: BaseHeap): number => geometryOf(heap).tableMoves;

/** A heap whose tables have moved a few times, and blocks with the patterns of their addresses in it. */
function moved(seed = 1, options = {}): { heap: Heap; blocks: Map<number, number> } {
  const heap = Heap.create({ sizeBytes: 128 * 1024, maximumBytes: 64 * MIB, shared: false, ...options });
  const random = new Random(seed);
  const blocks = new Map<number, number>();
  while (movesOf(heap) < 3) {
    const bytes = random.below(20) === 0 ? random.below(100_000) : random.below(2000);
    const block = heap.alloc(bytes);
    fillPattern(new Uint8Array(heap.buffer), block, block + bytes, block >>> 4);
    blocks.set(block, bytes);
    if (random.below(3) > 0) continue;
    const [former] = blocks.keys() as unknown as [number];
    heap.free(former);
    blocks.delete(former);
  }
  return { heap, blocks };
}

function expectWhole(heap: Heap, blocks: ReadonlyMap<number, number>): void {
  expectClean(heap);
  expectBytesAddUp(heap);
  const bytes = new Uint8Array(heap.buffer);
  const faults = [...blocks].filter(([block, size]) => patternFault(bytes, block, block + size, block >>> 4) !== -1);
  expect(faults).toEqual([]);
  for (const block of blocks.keys()) heap.free(block);
  heap.trim();
  expect(heapStats(heap).liveBlocks).toBe(0);
  expectClean(heap);
}

/** The bytes of a dump, to damage them. */
function bytesOf(dump: Uint8Array): Uint8Array<ArrayBuffer> {
  const opened = openDump(dump);
  const bytes = new Uint8Array(opened.byteLength);
  opened.copyTo(bytes);
  return bytes;
}

describe("the tables of memory of one thread that grows", () => {
  it("take next to nothing at first, however far it may grow", () => {
    for (const create of [Heap.create, LocalHeap.create]) {
      const memory = new WebAssembly.Memory({ initial: 64, maximum: 32_768 });
      const heap = create({ memory, start: 64 * WASM_PAGE, maximumBytes: 2 * GIB });
      expect(memory.buffer.byteLength).toBeLessThanOrEqual(64 * WASM_PAGE + 128 * 1024);
      heap.free(heap.alloc(100));
      expect(memory.buffer.byteLength).toBeLessThanOrEqual(64 * WASM_PAGE + 256 * 1024);
      expect(heapStats(heap).limitAddress).toBe(2 * GIB);
    }
  });

  it("move as it grows, take a fourteenth of it, and are among the metadata", () => {
    const { heap } = moved();
    const { bytes, endAddress } = heapStats(heap);
    const { baseFrame, firstPageFrame, coveredEndFrame } = geometryOf(heap);
    expect(bytes.metadataBytes).toBe((firstPageFrame - baseFrame + tablePages(geometryOf(heap))) * PAGE);
    expect(coveredEndFrame * PAGE).toBeGreaterThanOrEqual(endAddress);
    while (heapStats(heap).endAddress < 12 * MIB) heap.alloc(30_000);
    expect(heapStats(heap).bytes.metadataBytes).toBeLessThan(heapStats(heap).endAddress * 0.08);
    expectClean(heap);
  });

  it.each([1, 2, 3])("keep blocks, contents and all that stands in them (seed %i)", (seed) => {
    const { heap, blocks } = moved(seed);
    const double = heap.alloc(40);
    heap.free(double);
    expect(thrownBy(() => heap.free(double)).code).toBe("DOUBLE_FREE");
    expectWhole(heap, blocks);
  });

  it("stay where memory is shared, cannot grow, has a DMA zone, or is small", () => {
    for (const options of [
      { sizeBytes: MIB, maximumBytes: 8 * MIB },
      { sizeBytes: MIB, shared: false },
      { sizeBytes: MIB, maximumBytes: 8 * MIB, shared: false, dmaBytes: 8 * PAGE },
      { sizeBytes: 256 * 1024, maximumBytes: 512 * 1024, shared: false },
    ]) {
      expect(geometryOf(Heap.create(options)).hasMovingTables).toBe(false);
    }
  });

  it("are followed by every object of the thread", () => {
    const { heap } = moved();
    const local = Heap.attach(heap.reserve());
    const held = local.alloc(100);
    const before = movesOf(heap);
    const cache = local.createCache({ name: "objects", sizeBytes: 120 });
    const object = cache.alloc();
    while (movesOf(heap) === before) heap.alloc(3000);
    local.free(held);
    cache.free(object);
    expect(movesOf(local)).toBe(movesOf(heap));
    const during = movesOf(heap);
    while (movesOf(local) === during) local.alloc(3000);
    heap.free(heap.alloc(3000));
    expect(thrownBy(() => heap.free(held)).code).toBe("DOUBLE_FREE");
    expectClean(heap);
    local.detach();
    expectClean(heap);
  });

  it("leave functions that somebody has kept harmless, in a buffer too that stays the same", () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 1024 });
    const resizable = memory as { toResizableBuffer?: () => ArrayBuffer };
    resizable.toResizableBuffer?.();
    const heap = Heap.create({ memory });
    const { alloc, free } = heap;
    const blocks = new Set<number>();
    for (let turn = 0; turn < 8000; turn++) {
      const block = (turn % 3 === 0 ? alloc : heap.alloc)(turn % 300);
      expect(blocks.has(block)).toBe(false);
      blocks.add(block);
      if (turn % 4 > 0) continue;
      const [first] = blocks as unknown as [number];
      (turn % 8 === 0 ? free : heap.free)(first);
      blocks.delete(first);
    }
    expect(movesOf(heap)).toBeGreaterThan(1);
    expectClean(heap);
    for (const block of blocks) free(block);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
  });

  it("let the heap grow to its limit", () => {
    const heap = Heap.create({ sizeBytes: 128 * 1024, maximumBytes: 20 * MIB + 3 * PAGE, shared: false });
    while (heap.tryAlloc(100) !== 0);
    const { endAddress, limitAddress, bytes } = heapStats(heap);
    expect(endAddress).toBe(limitAddress);
    expect(bytes.freePageBytes).toBe(0);
    expect(thrownBy(() => heap.alloc(100)).code).toBe("OUT_OF_MEMORY");
    expectClean(heap);
  });

  it("need no more than what the memory gives: an engine that refuses leaves all as it was", () => {
    class Refusing extends WebAssembly.Memory {
      isRefusing = false;
      override grow(pageCount: number): number {
        if (this.isRefusing && pageCount > 0) throw new RangeError("no");
        return super.grow(pageCount);
      }
    }
    const memory = new Refusing({ initial: 8, maximum: 1024 });
    const heap = Heap.create({ memory });
    const block = heap.alloc(1000);
    memory.isRefusing = true;
    const moves = movesOf(heap);
    expect(thrownBy(() => heap.alloc(MIB)).code).toBe("OUT_OF_MEMORY");
    expect(movesOf(heap)).toBe(moves);
    memory.isRefusing = false;
    heap.free(heap.alloc(MIB));
    expect(movesOf(heap)).toBeGreaterThan(moves);
    heap.free(block);
    expectClean(heap);
  });

  it("serve a debugged heap, and pages have one number for good in the kernel's way", () => {
    const debugged = DebugHeap.create({ sizeBytes: 128 * 1024, maximumBytes: 16 * MIB, shared: false, report() {} });
    const blocks = Array.from({ length: 900 }, (_, index) => debugged.alloc(index % 500));
    expect(movesOf(debugged)).toBeGreaterThan(0);
    for (const block of blocks) debugged.free(block);
    expectClean(debugged as unknown as Heap);
    const heap = Heap.create({ sizeBytes: 128 * 1024, maximumBytes: 16 * MIB, shared: false });
    const kernel = linux(heap);
    const page = kernel.alloc_pages(0, 1);
    const address = kernel.page_address(page);
    while (movesOf(heap) === 0) heap.alloc(3000);
    expect(kernel.virt_to_page(address)).toBe(page);
    kernel.__free_pages(page, 1);
    expectClean(heap);
  });
});

describe("a dump of such a heap", () => {
  it("is opened, and worked on in memory that does not grow", () => {
    const { heap, blocks } = moved(4);
    expectWhole(loadDump(dumpHeap(heap)), blocks);
    expectWhole(heap, blocks);
  });

  it("does not let tables move where other threads could read them", () => {
    const { heap } = moved(5);
    const memory = new WebAssembly.Memory({ initial: heap.buffer.byteLength / WASM_PAGE, maximum: 1024, shared: true });
    new Uint8Array(memory.buffer).set(new Uint8Array(heap.buffer));
    heap.detach();
    new Uint8Array(memory.buffer).set(new Uint8Array(heap.buffer));
    const shared = Heap.attach(memory);
    const moves = movesOf(shared);
    while (shared.tryAlloc(20_000) !== 0);
    expect(movesOf(shared)).toBe(moves);
    expect(heapStats(shared).endAddress).toBeLessThanOrEqual(geometryOf(shared).coveredEndFrame * PAGE);
    expectClean(shared);
  });

  const places = [Header.TABLE_MOVES, ...[0, 1, 2, 3].map((word) => Header.TABLE_LOCATIONS + word)];

  it.each(places)(
    "with another word %i in its header is refused, or the word means nothing, and it is repaired",
    (word) => {
      const { heap, blocks } = moved(6);
      const sound = bytesOf(dumpHeap(heap));
      for (const value of [0, 1, -1, 7, 0x0010_0000, geometryOf(heap).tablesFirstFrame]) {
        const damaged = sound.slice();
        const words = new Int32Array(damaged.buffer);
        if (words[word] === value) continue;
        words[word] = value;
        const dump = writeDump(damaged, 0);
        const { isClean } = checkDump(dump);
        if (isClean) expectWhole(loadDump(dump), blocks);
        else expect(thrownBy(() => loadDump(dump)).code).toBe("BAD_GEOMETRY");
        const { isRepaired, dump: repaired } = repairDump(dump);
        expect(isRepaired).toBe(true);
        expectWhole(loadDump(repaired as Uint8Array), blocks);
      }
    },
  );

  it("is repaired where nothing leads to the tables but what they say of themselves, or where that is damaged", () => {
    const { heap, blocks } = moved(7);
    const sound = bytesOf(dumpHeap(heap));
    const geometry = geometryOf(heap);
    const own = recordIndexInTable(geometry, geometry.frameTable, geometry.tablesFirstFrame);
    const damages: ((words: Int32Array, bytes: Uint8Array) => void)[] = [
      (words) => words.fill(-1, Header.TABLE_MOVES, Header.TABLE_LOCATIONS + 4),
      (words) => words.fill(0, Header.TABLE_MOVES, Header.TABLE_LOCATIONS + 4),
      (words) => {
        words[own + FrameRecord.SLAB_OR_OWNER] = 0;
      },
      (words) => {
        words[own + FrameRecord.COUNT] = 1;
      },
      (_, bytes) => {
        bytes[geometry.kindTable + geometry.tablesFirstFrame - geometry.baseFrame] = 2;
      },
      (words) => {
        words[Header.FLAGS] = (words[Header.FLAGS] as number) ^ HeapFlag.MOVING_TABLES;
      },
      (words) => {
        words[Header.END_FRAME] = geometry.limitFrame;
      },
    ];
    for (const damage of damages) {
      const damaged = sound.slice();
      damage(new Int32Array(damaged.buffer), damaged);
      const dump = writeDump(damaged, 0);
      expect(checkDump(dump).isClean).toBe(false);
      const { isRepaired, dump: repaired } = repairDump(dump);
      expect(isRepaired).toBe(true);
      expectWhole(loadDump(repaired as Uint8Array), blocks);
    }
  });
});

describe("a heap in use whose header does not lead to its tables", () => {
  it("goes on with those that it has, is reported, and repaired", () => {
    const { heap, blocks } = moved(8);
    const words = new Int32Array(heap.buffer);
    const { tableMoves } = geometryOf(heap);
    for (const word of [Header.TABLE_MOVES, Header.TABLE_LOCATIONS + 2 * (tableMoves & 1)]) {
      words[word] = 0x1234_5678;
      heap.free(heap.alloc(10_000));
      expect(checkHeap(heap).findings).toContainEqual(expect.objectContaining({ layer: "header" }));
      expect(repairHeap(heap).isRepaired).toBe(true);
      expectClean(heap);
    }
    expectWhole(heap, blocks);
  });
});

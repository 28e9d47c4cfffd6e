import { describe, expect, it } from "vitest";
import { DebugLetters } from "../../src/debug/debug-letters.ts";
import { DebugHeap, openHeap } from "../../src/debug/index.ts";
import { RootWord, StackWord } from "../../src/debug/layout.ts";
import { layersOf } from "../../src/heap/access.ts";
import { checkDump, describeDump, dumpByteLength, dumpHeap, Heap, loadDump, repairDump } from "../../src/index.ts";
import { linux } from "../../src/kernels/linux/linux.ts";
import { byteForChecksum, checksumOf } from "../../src/memory/checksum.ts";
import { openDump, writeDump } from "../../src/memory/dump.ts";
import { checksumOfHeader } from "../../src/memory/header.ts";
import { Header, PAGE_SIZE } from "../../src/memory/layout.ts";
import { FrameRecord } from "../../src/pages/layout.ts";
import { findVmalloc, slabinfo } from "../../src/proc/index.ts";
import { CacheRecord } from "../../src/slab/layout.ts";
import { createTraceRing, traceParts, traceText } from "../../src/trace/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** The dump of a heap at byte 0 whose words somebody has changed. */
function forged(heap: Heap, change: (words: Int32Array) => void): Uint8Array {
  const opened = openDump(dumpHeap(heap));
  const bytes = new Uint8Array(opened.byteLength);
  opened.copyTo(bytes);
  change(new Int32Array(bytes.buffer));
  return writeDump(bytes, 0);
}

/** Changes a word of the header, and makes the checksum that of the new words. */
function forgedHeader(heap: Heap, field: number, value: number): Uint8Array {
  return forged(heap, (words) => {
    words[field] = value;
    words[Header.CHECKSUM] = checksumOfHeader(words, 0);
  });
}

function busy(): Heap {
  const heap = Heap.create({ sizeBytes: MIB });
  for (let count = 0; count < 300; count++) heap.alloc(16 + count);
  return heap;
}

const GEOMETRY = ["ZONE_TABLE", "SLOT_TABLE", "CACHE_TABLE", "FRAME_TABLE", "KIND_TABLE", "TAG_TABLE", "GROUP_TABLE"];

describe("a header with the right checksum", () => {
  it.each([...GEOMETRY, "FIRST_PAGE_FRAME", "SLOT_COUNT", "LIMIT_FRAME"])("and a wrong %s is refused", (name) => {
    const field = Header[name as keyof typeof Header];
    for (const value of [0, 1, 4097, 0x7fff_ffff, -1, 123_456]) {
      const dump = forgedHeader(busy(), field, value);
      for (const read of [describeDump, loadDump, openHeap]) {
        expect(["BAD_GEOMETRY", "TRUNCATED"]).toContain(thrownBy(() => read(dump)).code);
      }
      expect(checkDump(dump).findings[0]?.layer).toBe("header");
      expect(repairDump(dump).isRepaired).toBe(false);
    }
  });
});

describe("figures of a damaged heap", () => {
  it("never exceed what the heap can hold", () => {
    const heap = busy();
    const { caches } = layersOf(heap);
    for (const field of Object.values(CacheRecord)) {
      for (const value of [-1, 0x7fff_ffff, -0x8000_0000, 0]) {
        const dump = forged(heap, (words) => {
          for (const kind of caches.kinds()) words[caches.record(kind) + field] = value;
        });
        const { stats, slots } = describeDump(dump);
        for (const one of stats.caches) {
          for (const figure of Object.values(one))
            if (typeof figure === "number") expect(figure).toBeGreaterThanOrEqual(0);
          expect(one.liveBlocks * one.blockBytes).toBeLessThanOrEqual(MIB);
          expect(one.name).toMatch(/^[\x20-\x7e]*$/);
        }
        expect(slots[0]?.liveBytes).toBeLessThanOrEqual(MIB);
      }
    }
  });

  it("of runs and zones neither", () => {
    const heap = busy();
    heap.pages.alloc(4);
    heap.alloc(100_000);
    const { geometry, pages } = layersOf(heap);
    for (const value of [-1, 0x7fff_ffff]) {
      const dump = forged(heap, (words) => {
        for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
          words[pages.frames.record(frame) + FrameRecord.COUNT] = value;
        }
        words.fill(value, geometry.zoneTable / 4, geometry.slotTable / 4);
      });
      const { stats, slots } = describeDump(dump);
      for (const zone of stats.zones) {
        expect([zone.pages, zone.freePages, ...zone.freeBlocksByOrder].every((n) => n >= 0 && n <= 256)).toBe(true);
      }
      expect(slots[0]?.pageBytes).toBeLessThanOrEqual(MIB);
      expect(slots[0]?.liveBytes).toBeLessThanOrEqual(2 * MIB);
    }
  });
});

describe("what a dump leads to", () => {
  it("has an end where stacks lead into a circle, and none outside of the depot", () => {
    const heap = DebugHeap.create({ sizeBytes: MIB });
    for (let count = 0; count < 5; count++) heap.alloc(100);
    const { frames } = layersOf(heap).pages;
    const rootFrame = [...Array(frames.endFrame).keys()].find(
      (frame) => frames.kind(frame) > 1 && frames.owner(frame) === -7,
    );
    const root = ((rootFrame ?? 0) * PAGE_SIZE) / 4;
    const dump = forged(heap, (words) => {
      for (let bucket = root + RootWord.BUCKETS; bucket < root + RootWord.TEXT_BYTES; bucket++) {
        const id = words[bucket]! >>> 0;
        if (id === 0) words[bucket] = -16;
        else words[(id >>> 2) + StackWord.NEXT] = id;
      }
      new Float64Array(words.buffer)[(root + RootWord.EPOCH) / 2] = Number.NaN;
    });
    const loaded = DebugHeap.load(dump);
    expect(loaded.profile().samples.reduce((sum, { liveCount }) => sum + liveCount, 0)).toBe(5);
    expect(loaded.profile().startedAtMs).toBe(0);
    expect(loaded.alloc(100)).toBeGreaterThan(0);
  });

  it("has an end where the areas of virtual memory lead into a circle", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const kernel = linux(heap);
    for (let count = 1; count < 5; count++) kernel.vmalloc(count * 5000);
    const vm = findVmalloc(heap);
    expect(vm?.areas()).toHaveLength(4);
    const records = new Set<number>();
    const { words } = layersOf(heap).memory;
    // A segment's size is 2, 3, 4 or 5 pages, and its start is where the one before it ends.
    for (let word = 0; word + 12 < words.length; word++)
      if (words[word] === 0 && words[word + 1] === 3) records.add(word);
    let thrown = 0;
    for (const record of records) {
      for (let next = record; next < record + 8; next++) {
        const dump = forged(heap, (changed) => {
          changed[next] = record;
        });
        try {
          findVmalloc(openHeap(dump))?.areas();
        } catch (error) {
          expect(error).toMatchObject({ code: expect.any(String) });
          thrown++;
        }
      }
    }
    expect(thrown).toBeGreaterThan(0);
  });

  it("is a trace ring only where all of it is there", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const ring = createTraceRing(heap, 64);
    ring?.kmalloc(0x1000, 10, 16, 0);
    expect([...(traceParts(heap) ?? [])].join("")).toBe(traceText(heap));
    const { frames } = layersOf(heap).pages;
    const frame = (ring?.address ?? 0) / PAGE_SIZE;
    const dump = forged(heap, (words) => {
      // 2^20 events, in 16385 pages.
      words[(ring?.address ?? 0) / 4 + 1] = 20;
      words[frames.record(frame) + FrameRecord.COUNT] = 16_385;
    });
    expect(traceText(loadDump(dump))).toBeUndefined();
  });

  it("prints names of printable characters only, in one line", () => {
    const heap = busy();
    const cache = heap.createCache({ name: "objects", sizeBytes: 100 });
    cache.alloc();
    const kind = [...layersOf(heap).caches.kinds()].at(-1) ?? 0;
    const dump = forged(heap, (words) => {
      words[layersOf(heap).caches.record(kind) + CacheRecord.NAME] = 0x0a9b_1b6f;
    });
    expect(slabinfo(loadDump(dump))).toContain("\no???cts ");
    expect(checkDump(dump).findings.some(({ problem }) => problem.includes("its name is no name"))).toBe(true);
  });
});

describe("letters of a dump's text", () => {
  it("are matched without trying every way in which stars may stand", () => {
    const stars = `F,${"*a".repeat(500)}*b`;
    expect(DebugLetters.parse(stars).of("a".repeat(32))).toBe(0);
  });

  it.each([
    ["kmalloc-*", "kmalloc-64", true],
    ["*-64", "kmalloc-64", true],
    ["k*c-*4", "kmalloc-64", true],
    ["*", "", true],
    ["**", "x", true],
    ["kmalloc-64", "kmalloc-64", true],
    ["kmalloc", "kmalloc-64", false],
    ["ab*ba", "aba", false],
    ["a*b*b", "ab", false],
    ["a.c", "abc", false],
  ])("%s and %s: %s", (pattern, name, isOne) => {
    expect(DebugLetters.parse(`F,${pattern}`).of(name) !== 0).toBe(isOne);
  });
});

it("the byte that a checksum wants is found without trying", () => {
  const words = [0, 1, 0x7fff_ffff, -1, 0x1234_5678, 42];
  const checksum = checksumOf(words);
  for (let word = 0; word < words.length; word++) {
    for (let shift = 0; shift < 32; shift += 8) {
      const damaged = words.with(word, words[word]! ^ (0x5a << shift));
      const change = byteForChecksum(damaged, checksum);
      const bytes = new Uint8Array(Int32Array.from(damaged).buffer);
      bytes[change?.index ?? 0] = change?.value ?? 0;
      expect(checksumOf(new Int32Array(bytes.buffer))).toBe(checksum);
    }
  }
  expect(byteForChecksum(words.with(0, 5).with(3, 7), checksum)).toBeUndefined();
});

describe("the length of a dump", () => {
  const dump = dumpHeap(busy());

  it("is known from its first words on", () => {
    const needed = 20 + 8 * new DataView(dump.buffer).getUint32(16, true);
    for (const length of [0, 3, 4, 19, 20, needed - 1])
      expect(dumpByteLength(dump.subarray(0, length))).toBeUndefined();
    for (const length of [needed, dump.length]) expect(dumpByteLength(dump.subarray(0, length))).toBe(dump.length);
  });

  it("is asked of nothing but a dump", () => {
    expect(thrownBy(() => dumpByteLength(Uint8Array.of(1, 2, 3, 4))).code).toBe("NOT_A_HEAP");
    expect(thrownBy(() => dumpByteLength("dump" as never)).code).toBe("BAD_ARGUMENT");
    const many = dump.slice(0, 20);
    new DataView(many.buffer).setUint32(16, 0xffff_ffff, true);
    expect(thrownBy(() => dumpByteLength(many)).code).toBe("BAD_GEOMETRY");
  });
});

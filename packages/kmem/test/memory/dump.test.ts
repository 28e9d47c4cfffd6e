import { beforeEach, describe, expect, it } from "vitest";
import { blocksOf, checkHeap, dumpHeap, Heap, heapStats, loadDump } from "../../src/index.ts";
import { expectClean, firstDifference, freePagesOf, thrownBy } from "../support/expectations.ts";
import { MEMORY_CASES, MIB, PAGE } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

// A dump reads every byte that there is, and so makes the system find memory for all of it: of the two memories of
// gigabytes the smaller one stands for both. `npm run inspector:speed` dumps a heap of 4 GiB.
const DUMPED = MEMORY_CASES.filter(({ name }) => name !== "the top of a buffer of 4 GiB");

describe.each(DUMPED)("a dump of a heap in $name", ({ make }) => {
  it("loads as the same heap", () => {
    const { heap } = make();
    const cache = heap.createCache({ name: "objects", sizeBytes: 90 });
    const blocks = [heap.alloc(10), heap.alloc(5000), heap.alloc(100_000), cache.alloc()];
    const bytes = new Uint8Array(heap.buffer);
    for (const [seed, block] of blocks.entries()) fillPattern(bytes, block, block + heap.usableSize(block), seed);
    heap.free(heap.alloc(300));

    const dump = dumpHeap(heap);
    const copy = loadDump(dump);
    const { memoryKind, limitAddress, ...stats } = heapStats(heap);
    expect(memoryKind).toBeDefined();
    expect(limitAddress).toBeGreaterThan(0);
    expect(heapStats(copy)).toMatchObject(stats);
    expect([...blocksOf(copy)]).toEqual([...blocksOf(heap)]);
    const copied = new Uint8Array(copy.buffer);
    for (const [seed, block] of blocks.entries()) {
      expect(patternFault(copied, block, block + heap.usableSize(block), seed)).toBe(-1);
    }
    expectClean(copy);
    for (const block of blocks) copy.free(block);
    expect(heapStats(copy).liveBlocks).toBe(0);
    expect(heapStats(heap).liveBlocks).toBe(4);
    // A dump reads every byte that there is, and most of a memory of gigabytes are not the heap's.
    if (heap.buffer.byteLength < 2 ** 31) expect(firstDifference(dump, dumpHeap(heap))).toBe(-1);
    expect(copy.alloc(1000)).toBeGreaterThan(0);
    expectClean(copy);
  });
});

describe("a dump", () => {
  let heap: Heap;
  let dump: Uint8Array;

  beforeEach(() => {
    heap = Heap.create({ sizeBytes: MIB });
    new Uint8Array(heap.buffer).fill(9, heap.alloc(20_000), heap.alloc(1));
    dump = dumpHeap(heap);
  });

  it("leaves out what is empty", () => {
    expect(dump.length).toBeLessThan(heap.buffer.byteLength / 4);
    expect(dump.length % PAGE).toBe((5 * 4 + dump[16] * 8) % PAGE);
  });

  it("survives being part of a larger array at an odd place", () => {
    const larger = new Uint8Array(dump.length + 20);
    larger.set(dump, 13);
    const copy = loadDump(larger.subarray(13, 13 + dump.length));
    expect(freePagesOf(heapStats(copy))).toEqual(freePagesOf(heapStats(heap)));
  });

  const word = (index: number, value: number): Uint8Array => {
    const changed = dump.slice();
    new DataView(changed.buffer).setUint32(index * 4, value, true);
    return changed;
  };

  const refusal = (bad: Uint8Array): string => {
    const { code, message } = thrownBy(() => loadDump(bad));
    return `${code}: ${message}`;
  };

  it.each<[string, () => Uint8Array, string]>([
    ["of no bytes", () => new Uint8Array(0), "TRUNCATED: the dump is cut off or has trailing bytes: 0 bytes"],
    ["of a few bytes", () => dump.slice(0, 19), "TRUNCATED: the dump is cut off or has trailing bytes: 19 bytes"],
    ["of its header alone", () => dump.slice(0, 20), "TRUNCATED"],
    ["cut off in the list of runs", () => dump.slice(0, 25), "TRUNCATED"],
    [
      "cut off in the pages",
      () => dump.slice(0, 10_000),
      "TRUNCATED: the dump is cut off or has trailing bytes: 10000",
    ],
    ["without its last byte", () => dump.slice(0, -1), "TRUNCATED"],
    ["with a byte more", () => new Uint8Array([...dump, 0]), "TRUNCATED"],
    ["of zeros", () => new Uint8Array(5000), "NOT_A_HEAP: not a dump: it starts with 0x00000000"],
    ["with the wrong magic", () => word(0, 0x504d444a), "NOT_A_HEAP: not a dump: it starts with 0x504d444a"],
    ["of another version", () => word(1, 2), "WRONG_VERSION: a dump of version 2; this library reads version 1"],
    ["of a heap that starts elsewhere", () => word(2, PAGE), "NOT_A_HEAP: not a heap of this version: the magic is"],
    ["of a heap that starts beyond it", () => word(2, 0xffff_f000), "TRUNCATED: no room for a heap's header"],
    ["of fewer pages than it has", () => word(3, 2), "BAD_GEOMETRY: the dump's run 0 lies outside of its memory"],
    ["of fewer pages than the heap has", () => word(3, 250), "TRUNCATED: the heap ends at byte 1048576"],
    [
      "of more pages than there are addresses",
      () => word(3, 0xffff_ffff),
      "BAD_GEOMETRY: the dump is of 4294967295 pages",
    ],
    ["of no runs", () => word(4, 0), "TRUNCATED"],
    ["of very many runs", () => word(4, 0xffff_ffff), "TRUNCATED"],
    [
      "with an empty run",
      () => word(6, 0),
      "BAD_GEOMETRY: the dump's run 0 lies outside of its memory or before another",
    ],
    ["with a run too long", () => word(6, 0xffff_fff0), "BAD_GEOMETRY: the dump's run 0 lies outside"],
    ["with a run that overlaps the one before", () => word(7, 0), "BAD_GEOMETRY: the dump's run 1 lies outside"],
  ])("%s is refused", (_name, bad, text) => {
    expect(refusal(bad())).toContain(text);
  });

  it("of what is no array of bytes is refused", () => {
    for (const bad of [undefined, null, "dump", 5, [], new ArrayBuffer(100)]) {
      expect(refusal(bad as never)).toContain("BAD_ARGUMENT: a dump is a Uint8Array, not");
    }
  });

  it("with any garbage in its header is refused or loads to something that a check can look at", () => {
    const random = new Random(6);
    let refused = 0;
    for (let turn = 0; turn < 300; turn++) {
      const bad = dump.slice();
      for (let flips = 1 + random.below(4); flips > 0; flips--) bad[random.below(200)] ^= 1 << random.below(8);
      try {
        checkHeap(loadDump(bad));
      } catch (error) {
        expect(error).toMatchObject({ name: "KmemError" });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

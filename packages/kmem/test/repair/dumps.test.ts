import { beforeEach, describe, expect, it } from "vitest";
import {
  blocksOf,
  checkDump,
  describeDump,
  dumpHeap,
  type Heap,
  heapStats,
  LAYOUT_VERSION,
  loadDump,
  repairDump,
  slotStats,
} from "../../src/index.ts";
import { Header } from "../../src/layout.ts";
import { writeDump } from "../../src/memory/dump.ts";
import { checksumOfHeader } from "../../src/memory/header.ts";
import { busyHeap } from "../support/busy-heap.ts";
import { expectClean, firstDifference, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

let heap: Heap;
let words: Int32Array;

beforeEach(() => {
  heap = busyHeap().heap;
  words = new Int32Array(heap.buffer);
});

/** The dump of the memory as it is, damaged or not. */
function dumped(): Uint8Array {
  return writeDump(new Uint8Array(heap.buffer), 0);
}

describe("checkDump and repairDump", () => {
  it("find nothing in a sound dump and leave it as it is", () => {
    const dump = dumpHeap(heap);
    const before = dump.slice();
    expect(checkDump(dump)).toEqual({ isClean: true, findings: [] });
    const { isRepaired, findings, steps, dump: repaired } = repairDump(dump);
    expect({ isRepaired, findings, steps }).toEqual({ isRepaired: true, findings: [], steps: [] });
    expect(firstDifference(before, dump)).toBe(-1);
    const copy = loadDump(repaired as Uint8Array);
    expect([...blocksOf(copy)]).toEqual([...blocksOf(heap)]);
    expectClean(copy);
  });

  it.each<[string, number]>([
    ["the magic", Header.MAGIC],
    ["the byte order mark", Header.BYTE_ORDER],
    ["the version", Header.VERSION],
    ["a table", Header.KIND_TABLE],
    ["the checksum", Header.CHECKSUM],
    ["the flags", Header.FLAGS],
    ["the end", Header.END_FRAME],
  ])("restore %s in the header", (_, word) => {
    const before = words[word];
    words[word] = 0x1357_9bdf;
    const damaged = dumped();
    expect(checkDump(damaged)).toMatchObject({ isClean: false, findings: [{ layer: "header" }] });
    const { isRepaired, dump, steps } = repairDump(damaged);
    expect(isRepaired).toBe(true);
    expect(steps).toMatchObject([{ layer: "header", address: word * 4, isLoss: false }]);
    const copy = loadDump(dump as Uint8Array);
    expect(new Int32Array(copy.buffer)[word]).toBe(before);
    expect([...blocksOf(copy)]).toEqual([...blocksOf(heap)]);
  });

  it("restore any single byte of a number that nothing else says", () => {
    words[Header.SLOT_COUNT] ^= 0x40;
    const { isRepaired, steps } = repairDump(dumped());
    expect({ isRepaired, steps: steps.length }).toEqual({ isRepaired: true, steps: 1 });
  });

  it("refuse a header that says too little, with the reason", () => {
    words.fill(0, Header.LIMIT_FRAME, Header.SLOT_COUNT + 1);
    const { isRepaired, dump, findings, remaining } = repairDump(dumped());
    expect({ isRepaired, dump }).toEqual({ isRepaired: false, dump: undefined });
    expect(remaining[0]?.problem).toMatch(/the header checksum is 0x[0-9a-f]{8} instead of 0x/);
    expect(findings).toMatchObject([{ done: "nothing: it cannot be restored" }]);
  });

  it("refuse the heap of another version, which is no damage", () => {
    words[Header.VERSION] = LAYOUT_VERSION - 1;
    words[Header.CHECKSUM] = checksumOfHeader(words, 0);
    const { isRepaired, remaining } = repairDump(dumped());
    expect(isRepaired).toBe(false);
    expect(remaining[0]?.problem).toContain("the layout version is");
  });

  it("throw for what is no dump", () => {
    for (const read of [checkDump, repairDump, describeDump]) {
      expect(thrownBy(() => read(new Uint8Array(100))).code).toBe("NOT_A_HEAP");
      expect(thrownBy(() => read(dumpHeap(heap).subarray(0, 9000))).code).toBe("TRUNCATED");
    }
  });
});

describe("describeDump", () => {
  it("says what the heap would say itself, and does not open it", () => {
    const { memoryKind, ...stats } = heapStats(heap);
    const info = describeDump(dumpHeap(heap));
    expect(info).toMatchObject({ formatVersion: 1, layoutVersion: LAYOUT_VERSION, slotCount: 64, isExactFrees: false });
    expect(memoryKind).toBe("SharedArrayBuffer");
    expect(info.stats).toEqual(stats);
    expect(info.slots).toEqual(slotStats(heap));
    expect(info.storedPages).toBeLessThan(MIB / PAGE);
  });

  it("throws for a heap whose header is no good", () => {
    words[Header.KIND_TABLE] = 0;
    expect(thrownBy(() => describeDump(dumped())).code).toBe("BAD_GEOMETRY");
  });
});

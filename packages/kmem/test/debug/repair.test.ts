import { beforeEach, describe, expect, it } from "vitest";
import { checkDump, DebugHeap, openHeap, repairDump, SampledHeap } from "../../src/debug/index.ts";
import { DebugRoot } from "../../src/debug/root.ts";
import { layersOf } from "../../src/heap/access.ts";
import {
  blocksOf,
  checkHeap,
  countFindings,
  dumpHeap,
  type Heap,
  checkDump as plainCheck,
  repairDump as plainRepair,
  repairHeap,
} from "../../src/index.ts";
import { FrameRecord, RecordWord, RootWord, SlotRecord, SlotState } from "../../src/layout.ts";
import { writeDump } from "../../src/memory/dump.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const SIZE = 100;
const quiet = { report: () => undefined };

const HEAPS: Record<string, () => Heap> = {
  debugged: () => DebugHeap.create({ sizeBytes: MIB, debug: "FZPU;FZ,kmalloc-112", ...quiet }),
  sampled: () => SampledHeap.create({ sizeBytes: MIB, sampleEvery: 1, guardedCount: 30, ...quiet }),
};

/** The dump of the memory as it is, damaged or not. */
function dumped(heap: Heap): Uint8Array {
  return writeDump(new Uint8Array(heap.buffer), 0);
}

/** What was found must be gone after the repair, whoever looks. */
function expectRepaired(heap: Heap): ReturnType<typeof repairHeap> {
  const found = checkHeap(heap);
  expect(found.isClean).toBe(false);
  const dump = dumped(heap);
  expect(checkDump(dump).findings.map(({ layer }) => layer)).toEqual(found.findings.map(({ layer }) => layer));
  const ofDump = repairDump(dump);
  expect([ofDump.isRepaired, ofDump.remaining]).toEqual([true, []]);
  expect(checkDump(ofDump.dump as Uint8Array).findings).toEqual([]);
  expectClean(openHeap(ofDump.dump as Uint8Array));
  const report = repairHeap(heap);
  expect([report.isRepaired, report.remaining]).toEqual([true, []]);
  expect(report.findings.map(({ problem }) => problem)).toEqual(found.findings.map(({ problem }) => problem));
  expectClean(heap);
  return report;
}

describe.each(Object.keys(HEAPS))("a heap that is %s", (name) => {
  let heap: Heap;
  let words: Int32Array;
  let bytes: Uint8Array;
  let blocks: number[];

  beforeEach(() => {
    heap = (HEAPS[name] as () => Heap)();
    words = new Int32Array(heap.buffer);
    bytes = new Uint8Array(heap.buffer);
    blocks = Array.from({ length: 12 }, () => heap.alloc(SIZE));
  });

  /** Bytes from the start of an object to its record, whatever lies between: the record's magic tells. */
  function recordOf(object: number): number {
    let word = (object + SIZE) >>> 2;
    while (words[word] !== 0x4b64_6267) word++;
    return word - RecordWord.MAGIC;
  }

  function rootFrame(): number {
    return (DebugRoot.find(layersOf(heap)) as DebugRoot).frame;
  }

  it("is sound, and a repair leaves it as it is", () => {
    const before = bytes.slice();
    expect(repairHeap(heap)).toMatchObject({ isRepaired: true, findings: [], steps: [] });
    const dump = dumpHeap(heap);
    expect(repairDump(dump)).toMatchObject({ isRepaired: true, findings: [], steps: [] });
    expect([...blocksOf(heap)].map(({ address }) => address)).toEqual([...blocks].sort((a, b) => a - b));
    expect(before.length).toBe(bytes.length);
  });

  it("has its zones restored, and whatever it says is repaired is", () => {
    const [block = 0, freed = 0] = blocks;
    bytes[block + SIZE] = 1;
    heap.free(freed);
    bytes[freed + 20] = 1;
    bytes[freed - 1] = 1;
    const { steps } = expectRepaired(heap);
    expect(steps.every(({ layer, isLoss }) => layer === "debug" && !isLoss)).toBe(true);
    for (const one of blocks) if (one !== freed) heap.free(one);
  });

  it.each([RootWord.MAGIC, "OWNER", "KIND"] as const)("finds its root again without its %s", (sign) => {
    const frame = rootFrame();
    const { pages } = layersOf(heap);
    if (sign === "OWNER") words[pages.frames.record(frame) + FrameRecord.SLAB_OR_OWNER] = 0;
    else if (sign === "KIND") pages.frames.setKind(frame, 4);
    else words[frame * 1024 + sign] = 0;
    expect(plainCheck(dumped(heap)).isClean).toBe(false);
    const repaired = plainRepair(dumped(heap));
    expect(repaired.isRepaired).toBe(true);
    const copy = openHeap(repaired.dump as Uint8Array);
    expect([...blocksOf(copy)].map(({ address }) => address)).toEqual(
      [...blocksOf(heap)].map(({ address }) => address),
    );
    expectRepaired(heap);
  });

  it("gets a new root where none is left, and says what is lost", () => {
    const frame = rootFrame();
    words.fill(0x55, frame * 1024, (frame + 2) * 1024);
    words[layersOf(heap).pages.frames.record(frame) + FrameRecord.SLAB_OR_OWNER] = 0;
    // Whoever does not know records cannot: then nothing is said to be repaired.
    expect(plainRepair(dumped(heap))).toMatchObject({ isRepaired: false, dump: undefined });
    const { isRepaired, dump, steps, findings } = repairDump(dumped(heap));
    expect(isRepaired).toBe(true);
    expect(findings.some(({ problem }) => problem.includes("the root of a debugged heap"))).toBe(true);
    expect(steps.filter(({ isLoss }) => isLoss)).toMatchObject([
      { layer: "debug", done: expect.stringMatching(/^a new root/) },
    ]);
    const copy = openHeap(dump as Uint8Array);
    expectClean(copy);
    for (const block of blocks) copy.free(block);
    expectClean(copy);
  });

  it("folds the findings of one damaged slot, in text and number", () => {
    for (let count = 0; count < 400; count++) heap.alloc(30);
    words[layersOf(heap).slots.word(0, SlotRecord.STATE)] = SlotState.HELD;
    const { findings } = checkHeap(heap);
    expect(findings.length).toBeLessThan(10);
    expect(countFindings(findings)).toBeGreaterThan(300);
    const folded = findings.find(({ count = 0 }) => count > 300);
    expect(folded?.addresses).toHaveLength(8);
    expect(folded?.addresses?.[0]).toBe(folded?.address);
    expect(repairHeap(heap).isRepaired).toBe(true);
  });

  if (name === "sampled") return;

  it("makes records anew of which nothing is certain, and says that they are lost", () => {
    const [live = 0, other = 0, freed = 0] = blocks;
    heap.free(freed);
    words[recordOf(live) + RecordWord.ALLOC_TIME] ^= 1;
    words[recordOf(other) + RecordWord.STATE] = 7;
    words[recordOf(freed) + RecordWord.SIZE] = 1 << 20;
    const { steps } = expectRepaired(heap);
    expect(steps.map(({ isLoss }) => isLoss)).toEqual([true, true, true]);
    for (const block of blocks) if (block !== freed) heap.free(block);
    heap.trim();
    expectClean(heap);
  });

  it("tells what is around its blocks where its layers are damaged as well", () => {
    const [block = 0] = blocks;
    bytes[block + SIZE] = 1;
    words[layersOf(heap).pages.frames.record(block >>> 12) + FrameRecord.COUNT] ^= 1;
    const layers = checkDump(dumped(heap)).findings.map(({ layer }) => layer);
    expect(layers).toContain("debug");
    expect(layers).toContain("slab");
    expectRepaired(heap);
  });
});

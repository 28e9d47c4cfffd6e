import { blockAt as blockOfHeap, describeDump, dumpHeap, Heap, KmemError, loadDump, PAGE_SIZE } from "kmem";
import { describe, expect, it } from "vitest";
import { addressAnswer, cacheDetail, orderAnswer, parseAddress } from "../../src/dump/answers.ts";
import { blockAt } from "../../src/dump/blocks.ts";
import { compareDumps } from "../../src/dump/comparison.ts";
import { DumpModel } from "../../src/dump/dump-model.ts";
import { DumpReader, unusableIndex, withoutBlocks } from "../../src/dump/figures.ts";
import { MAP_MODES, mapLayer } from "../../src/dump/frame-modes.ts";
import { type FRAME_STATES, stateIndex } from "../../src/dump/frame-states.ts";
import { programParts } from "../../src/dump/program-parts.ts";
import { BytesSource } from "../../src/sources/byte-source.ts";
import { fragmentedHeap, plantedHeap } from "../support/heaps.ts";

function modelOf(dump: Uint8Array): DumpModel {
  return new DumpModel(new BytesSource(dump));
}

/** Numbers as WebAssembly has them. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x3f; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** A module with a stack pointer, its memory exported, and a page of data less a few bytes at an address. */
function moduleWith(stackEnd: number, dataAddress: number): Uint8Array {
  const section = (id: number, bytes: readonly number[]): number[] => [id, ...leb(bytes.length), ...bytes];
  const constant = (value: number): number[] => [0x41, ...leb(value), 0x0b];
  const data = Array.from({ length: PAGE_SIZE - 0x20 }, () => 1);
  const text = (name: string): number[] => [name.length, ...Buffer.from(name)];
  const globalNames = [1, 0, ...text("__stack_pointer")];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(5, [1, 0, 2]),
    ...section(6, [1, 0x7f, 1, ...constant(stackEnd)]),
    ...section(7, [1, 1, 0x6d, 2, 0]),
    ...section(11, [1, 0, ...constant(dataAddress), ...leb(data.length), ...data]),
    ...section(0, [...text("name"), 7, globalNames.length, ...globalNames]),
  ]);
}

/** Pages in which a live block lies. */
function liveFrames(model: DumpModel): Set<number> {
  const frames = new Set<number>();
  for (let address = 0; address < model.memory.byteLength; address += 16) {
    if (blockAt(model, address)?.state === "live") frames.add(Math.floor(address / PAGE_SIZE));
  }
  return frames;
}

const { before, after } = fragmentedHeap();
const planted = plantedHeap();

describe("the model of a dump", () => {
  it.each([
    ["a plain heap", after],
    ["a debugged heap", planted.dump],
  ])("counts the pages of %s as the library does", (_name, dump) => {
    const { bytes } = describeDump(dump).stats;
    const model = modelOf(dump);
    const counts = model.stateCounts();
    const bytesOf = (id: (typeof FRAME_STATES)[number]["id"]): number => counts[stateIndex(id)]! * PAGE_SIZE;
    const slabBytes =
      bytes.liveSlabBytes + bytes.sheafBytes + bytes.barnBytes + bytes.freeSlabBytes + bytes.slabTailBytes;
    expect([bytesOf("tables"), bytesOf("slab"), bytesOf("block")]).toEqual([
      bytes.metadataBytes,
      slabBytes,
      bytes.blockRunBytes,
    ]);
    expect([bytesOf("pages"), bytesOf("system"), bytesOf("free")]).toEqual([
      bytes.pageRunBytes,
      bytes.slotBytes,
      bytes.freePageBytes,
    ]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(model.outline.pageCount);
  });

  it("finds the block of every address as the library does", () => {
    const model = modelOf(after);
    const heap = loadDump(after);
    for (let address = 0; address < model.memory.byteLength; address += 1008) {
      const expected = blockOfHeap(heap, address);
      const found = blockAt(model, address);
      expect([address, found?.address, found?.bytes, found?.cache]).toEqual([
        address,
        expected?.address,
        expected?.usableBytes,
        expected?.cache,
      ]);
      if (expected !== undefined) expect(found?.state === "live").toBe(expected.live);
    }
  });

  it("gives each mode of the map a value for each page, and a legend that adds up", () => {
    const model = modelOf(planted.dump);
    for (const { id } of MAP_MODES) {
      const { values, legend } = mapLayer(model, id);
      expect([id, values.length]).toEqual([id, model.outline.pageCount]);
      expect([id, legend.reduce((sum, { pages }) => sum + pages, 0)]).toEqual([id, values.length]);
    }
    const orders = mapLayer(modelOf(after), "order").legend.filter(({ label }) => label.startsWith("Free"));
    const { zones } = describeDump(after).stats;
    const counts = zones.map(({ freeBlocksByOrder }) => freeBlocksByOrder);
    for (const { label, pages } of orders) {
      const order = Number(/\d+$/.exec(label)![0]);
      expect([order, pages]).toEqual([order, 2 ** order * counts.reduce((sum, one) => sum + one[order]!, 0)]);
    }
  });

  it("says what a cache's slabs hold", () => {
    const model = modelOf(after);
    const expected = describeDump(after).stats.caches.find(({ name }) => name === "session")!;
    const kind = [...model.caches.values()].find(({ name }) => name === "session")!.kind;
    const { slabs, sheaves } = cacheDetail(model, kind);
    expect(slabs.length).toBe(expected.slabs);
    expect(slabs.reduce((sum, { live }) => sum + live, 0)).toBe(expected.liveBlocks);
    expect(sheaves.reduce((sum, { blocks }) => sum + blocks, 0)).toBe(expected.sheafBlocks);
  });

  it("shows the overwritten bytes of a block, its neighbours and who allocated it", () => {
    const answer = addressAnswer(modelOf(planted.dump), planted.corrupted)!;
    const bad = answer.debug!.zones.filter((zone) => zone.bad !== undefined);
    expect(bad.map(({ what, bad: range }) => [what, range])).toEqual([
      ["right red zone", [planted.corrupted + 200, planted.corrupted + 203]],
    ]);
    expect([answer.debug!.objectAddress, answer.debug!.sizeBytes]).toEqual([planted.corrupted, 200]);
    expect(answer.debug!.allocated!.stack).toContain("plantedHeap");
    expect(addressAnswer(modelOf(planted.dump), planted.leaked[3]!)!.debug!.allocated!.stack).toContain(planted.leaker);
    expect(answer.debug!.isDamaged).toBe(false);
  });

  it("answers what is in the way of a free block, and that nothing is", () => {
    const model = modelOf(after);
    const answer = orderAnswer(model, 4);
    expect(answer.freeCount).toBe(0);
    expect(answer.firstFrame! % 16).toBe(0);
    const used = model.states().subarray(answer.firstFrame, answer.firstFrame! + 16);
    expect(answer.usedPages).toBe(used.filter((state) => state !== stateIndex("free")).length);
    expect(answer.holders.length).toBeGreaterThan(0);
    expect(orderAnswer(modelOf(dumpHeap(Heap.create({ sizeBytes: 2 ** 22 }))), 4).freeCount).toBeGreaterThan(0);
  });

  it("compares two dumps of a heap block by block", () => {
    const { caches, cameBlocks, wentBlocks, beforeLayer, afterLayer } = compareDumps(modelOf(before), modelOf(after));
    const [old, now] = [before, after].map((dump) => describeDump(dump).stats);
    const nameless = { before: 0, after: 0, came: 0, went: 0 };
    const { name: _name, ...session } = caches.find(({ name }) => name === "session") ?? { name: "", ...nameless };
    expect(session).toEqual({ before: 0, after: 40, came: 40, went: 0 });
    expect(cameBlocks - wentBlocks).toBe(now!.liveBlocks - old!.liveBlocks);
    expect(wentBlocks).toBeGreaterThan(100);
    for (const [layer, dump] of [
      [beforeLayer, before],
      [afterLayer, after],
    ] as const) {
      const live = liveFrames(modelOf(dump));
      expect(layer.legend.reduce((sum, { pages }) => sum + pages, 0)).toBe(layer.values.length);
      expect(layer.values.every((value, frame) => (value !== 0) === live.has(frame))).toBe(true);
    }
    expect(compareDumps(modelOf(after), modelOf(after)).afterLayer.values.some((value) => value > 1)).toBe(false);
  });

  it("makes the same figures of a dump without the contents of its blocks", () => {
    const reduced = withoutBlocks(modelOf(after));
    expect(reduced.length).toBeLessThan(after.length / 2);
    const { storedPages: _whole, ...whole } = describeDump(after);
    const { storedPages: _reduced, ...fewer } = describeDump(reduced);
    expect(fewer).toEqual(whole);
  });

  it("has the figures of the library", () => {
    const reader = new DumpReader(new BytesSource(planted.dump));
    expect(reader.info()).toEqual({ info: describeDump(planted.dump), problem: undefined });
    expect(reader.check().findings.map(({ layer }) => layer)).toEqual(["debug"]);
    const [site] = reader.people().sites.filter(({ stack }) => stack.includes(planted.leaker));
    expect([site?.blocks, site?.bytes]).toEqual([12, 12 * 900]);
    expect(reader.people().churn.some(({ stack }) => stack.includes(planted.leaker))).toBe(true);
  });

  it.each([
    ["below its data", 0x1000, ["stack", "data"]],
    ["above its data", 0x20, ["data", "stack"]],
  ])("knows the stack of a program from its module: %s", (_name, dataAddress, expected) => {
    const heap = Heap.create({ memory: new SharedArrayBuffer(2 ** 20), start: 2 * PAGE_SIZE });
    const stackEnd = dataAddress === 0x20 ? 2 * PAGE_SIZE : PAGE_SIZE;
    const parts = programParts(moduleWith(stackEnd, dataAddress))!;
    const model = new DumpModel(new BytesSource(dumpHeap(heap)), parts);
    expect([model.stateOf(0), model.stateOf(1), model.stateOf(2)]).toEqual([...expected, "tables"]);
    expect([...model.states().subarray(0, 2)]).toEqual(expected.map((id) => stateIndex(id as "stack")));
    expect(addressAnswer(model, 0)?.text).toContain("the program");
    expect(() => programParts(new Uint8Array(100))).toThrow(KmemError);
  });

  it("knows the unusable-space index", () => {
    expect(unusableIndex([4, 2, 2])).toEqual([0, 0.25, 0.5]);
    expect(unusableIndex([0, 0])).toEqual([0, 0]);
  });

  it("reads addresses as people write them", () => {
    expect(["0x10", "16", " 0X1F ", "1_000"].map(parseAddress)).toEqual([16, 16, 31, 1000]);
    expect(["", "abc", "-1", "0xfffffffffff", "1e5"].map(parseAddress)).toEqual(Array(5).fill(undefined));
  });
});

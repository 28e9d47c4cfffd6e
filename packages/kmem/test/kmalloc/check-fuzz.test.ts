import { describe, expect, it } from "vitest";
import type { Heap } from "../../src/index.ts";
import { checkHeap } from "../../src/index.ts";
import { CacheRecord, FrameKind, FrameRecord, Header, SlotRecord, ZoneRecord } from "../../src/layout.ts";
import { busyHeap } from "../support/busy-heap.ts";
import { PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";
import { Random } from "../support/random.ts";

/** Places in the tables whose every bit means something, as byte indexes. */
function meaningfulBytes(heap: Heap): Map<string, number[]> {
  const peek = new Peek(heap);
  const places = new Map<string, number[]>();
  const add = (what: string, first: number, count: number): void => {
    const list = places.get(what) ?? [];
    for (let at = first; at < first + count; at++) list.push(at);
    places.set(what, list);
  };
  add("header", peek.base, (Header.CHECKSUM + 1) * 4);
  add("header", peek.headerWord(Header.END_FRAME) * 4, 4);
  for (const zone of [0, 1])
    add("zones", peek.zoneWord(zone, ZoneRecord.FIRST_FRAME) * 4, (ZoneRecord.FREE_COUNT + 11) * 4);
  add("slots", peek.slotWord(0, SlotRecord.STATE) * 4, 1);
  add("slots", peek.slotWord(0, SlotRecord.AREA) * 4, 4);
  for (let cache = 0; cache < 73; cache++) {
    const kind = FrameKind.FIRST_CACHE + cache;
    add("cache records", peek.cacheWord(kind, CacheRecord.BLOCK_BYTES) * 4, 4);
    add("cache records", peek.cacheWord(kind, CacheRecord.ALIGN_BYTES) * 4, (CacheRecord.EMPTY_SLABS - 1) * 4);
  }
  add("kinds", peek.kindByte(peek.baseFrame), peek.endFrame - peek.baseFrame);
  add("tags", peek.tagByte(peek.base), (peek.endFrame - peek.baseFrame) * 256);
  for (let frame = peek.firstPageFrame; frame < peek.endFrame; frame++) {
    const kind = peek.kind(frame);
    if (kind >= FrameKind.FIRST_CACHE) add("slab frames", peek.frameWord(frame, FrameRecord.SLAB_OR_OWNER) * 4, 4);
    if (kind >= FrameKind.FIRST_CACHE && peek.frame(frame, FrameRecord.SLAB_OR_OWNER) === frame) {
      // The low half is the count of free blocks; a cursor that is too low is no fault.
      add("slab frames", peek.frameWord(frame, FrameRecord.COUNT) * 4, 2);
    }
    if (kind === FrameKind.FREE_HEAD) add("free lists", peek.frameWord(frame, FrameRecord.NEXT) * 4, 12);
    if (kind >= 4 && kind < FrameKind.FIRST_CACHE && kind % 2 === 0) {
      add("runs", peek.frameWord(frame, FrameRecord.COUNT) * 4, 4);
    }
  }
  for (let cache = 0; cache < 73; cache++) {
    const kind = FrameKind.FIRST_CACHE + cache;
    add("sheaf tops", peek.topWord(kind) * 4, 4);
    const length = peek.sheaf(kind).length;
    add("sheaves", ((peek.words[peek.topWord(kind)] as number) - length) * 4, (length + 1) * 4);
  }
  return places;
}

describe("check of a heap with a flipped bit", () => {
  const { heap } = busyHeap();
  const places = meaningfulBytes(heap);

  it.each([...places.keys()])("finds every one of them in the %s", (what) => {
    const random = new Random(7);
    const bytes = new Uint8Array(heap.buffer);
    const list = places.get(what) ?? [];
    expect(list.length).toBeGreaterThan(4);
    const missed: string[] = [];
    const count = Math.min(150, list.length * 8);
    for (let turn = 0; turn < count; turn++) {
      const at = random.pick(list);
      const bit = random.below(8);
      bytes[at] ^= 1 << bit;
      if (checkHeap(heap).isClean) missed.push(`bit ${bit} of byte ${at}`);
      bytes[at] ^= 1 << bit;
    }
    expect(checkHeap(heap).findings).toEqual([]);
    expect(missed).toEqual([]);
  });
});

describe("check of a heap with random damage anywhere in its tables", () => {
  it("ends, does not throw, and finds nearly all of it", () => {
    const random = new Random(9);
    let changed = 0;
    let found = 0;
    for (let turn = 0; turn < 12; turn++) {
      const { heap } = busyHeap(turn);
      const peek = new Peek(heap);
      const { bytes, words } = peek;
      const clean = bytes.slice();
      const places = [...meaningfulBytes(heap).values()].flat();
      const area = { first: peek.areaWord * 4, count: 5 * PAGE };
      for (let hit = 0; hit < 40; hit++) {
        const byteCount = 1 + random.below(64);
        let isMeaningful = false;
        for (let n = 0; n < byteCount; n++) {
          const where = random.below(3);
          if (where === 0) bytes[random.pick(places)] ^= 1 + random.below(255);
          else if (where === 1) words[Math.floor(random.below(peek.firstPageFrame * PAGE) / 4)] = random.below(2 ** 32);
          else words[Math.floor((area.first + random.below(area.count)) / 4)] = random.below(2 ** 32);
          if (where === 0) isMeaningful = true;
        }
        const { isClean, findings } = checkHeap(heap);
        expect(isClean).toBe(findings.length === 0);
        if (isMeaningful) {
          changed++;
          if (!isClean) found++;
        }
        bytes.set(clean);
      }
      expect(checkHeap(heap).isClean).toBe(true);
    }
    expect(changed).toBeGreaterThan(300);
    expect(found / changed).toBeGreaterThan(0.98);
  });

  it("ends when whole tables are overwritten", () => {
    for (const fill of [0, 1, 2, 16, 0x7f, 0x80, 0xff]) {
      const { heap } = busyHeap();
      const peek = new Peek(heap);
      const { bytes } = peek;
      const clean = bytes.slice();
      const tables = [Header.ZONE_TABLE, Header.SLOT_TABLE, Header.CACHE_TABLE, Header.FRAME_TABLE, Header.KIND_TABLE];
      const starts = [...tables, Header.TAG_TABLE].map((field) => peek.header(field));
      starts.push(peek.areaWord * 4);
      for (const [index, start] of starts.entries()) {
        const end = index < starts.length - 2 ? (starts[index + 1] as number) : start + 4 * PAGE;
        bytes.fill(fill, start, end);
        const { isClean, findings } = checkHeap(heap);
        expect(isClean, `table ${index} filled with ${fill}`).toBe(false);
        expect(findings.length).toBeGreaterThan(0);
        bytes.set(clean);
      }
    }
  });
});

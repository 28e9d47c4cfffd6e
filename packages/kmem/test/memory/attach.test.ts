import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, dumpHeap, Heap, heapStats, loadDump } from "../../src/index.ts";
import { BYTE_ORDER_MARK, Header, LAYOUT_VERSION, MAGIC, SlotRecord } from "../../src/layout.ts";
import { expectClean, firstDifference, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

let heap: Heap;
let words: Int32Array;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: MIB, shared: false });
  words = new Int32Array(heap.buffer);
});

const text = (word: number): string => `0x${(word >>> 0).toString(16).padStart(8, "0")}`;

/** Asserts that no heap can be attached in this buffer, and that the attempt has written nothing. */
function expectNoHeap(buffer: ArrayBufferLike, code: string, message: string, start = 0): void {
  const before = new Uint8Array(buffer).slice();
  const error = thrownBy(() => Heap.attach(buffer, { start }));
  expect(error.message).toContain(message);
  expect(error.code).toBe(code);
  expect(firstDifference(before, new Uint8Array(buffer))).toBe(-1);
}

describe("attach", () => {
  it("gives another object for the same heap, and changes nothing", () => {
    const block = heap.alloc(100);
    const before = new Uint8Array(heap.buffer).slice();
    const other = Heap.attach(heap.source);
    expect(firstDifference(before, new Uint8Array(heap.buffer))).toBe(-1);
    expect(other.usableSize(block)).toBe(112);
    expect(heapStats(other)).toEqual(heapStats(heap));
    const both = [other.alloc(100), heap.alloc(100)];
    expect(new Set([block, ...both]).size).toBe(3);
    heap.free(both[0] as number);
    other.free(both[1] as number);
    other.free(block);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
    expectClean(other);
  });

  it("finds a heap from any start that rounds up to its first page", () => {
    const memory = new SharedArrayBuffer(2 * MIB);
    Heap.create({ memory, start: 70_001 }).alloc(10);
    for (const start of [17 * PAGE + 1, 70_001, 18 * PAGE])
      expect(heapStats(Heap.attach(memory, { start })).liveBlocks).toBe(1);
    for (const start of [17 * PAGE, 18 * PAGE + 1]) expectNoHeap(memory, "NOT_A_HEAP", "the magic is", start);
  });

  it("finds two heaps in one buffer", () => {
    const memory = new ArrayBuffer(2 * MIB);
    const low = Heap.create({ memory, end: MIB });
    const high = Heap.create({ memory, start: MIB });
    const blocks = [low.alloc(500_000), high.alloc(500_000)];
    expect(blockAt(Heap.attach(memory), blocks[0] as number)?.live).toBe(true);
    expect(blockAt(Heap.attach(memory, { start: MIB }), blocks[1] as number)?.live).toBe(true);
    expect(blockAt(low, blocks[1] as number)).toBeUndefined();
    expectClean(low);
    expectClean(high);
  });
});

describe("attach refuses", () => {
  it("a buffer of zeros", () => {
    const message = `not a heap of this version: the magic is 0x00000000 instead of ${text(MAGIC)}`;
    expectNoHeap(new ArrayBuffer(MIB), "NOT_A_HEAP", message);
  });

  it("the wrong magic", () => {
    words[Header.MAGIC] ^= 0x100;
    expectNoHeap(heap.buffer, "NOT_A_HEAP", `the magic is ${text(MAGIC ^ 0x100)} instead of ${text(MAGIC)}`);
  });

  it.each([0, LAYOUT_VERSION + 1, -1])("the version %i", (version) => {
    words[Header.VERSION] = version;
    const message = `the layout version is ${text(version)} instead of ${text(LAYOUT_VERSION)}`;
    expectNoHeap(heap.buffer, "WRONG_VERSION", message);
  });

  it("memory from a machine of the other byte order", () => {
    words[Header.BYTE_ORDER] = 0x04030201;
    const message = `the byte order mark is 0x04030201 instead of ${text(BYTE_ORDER_MARK)}`;
    expectNoHeap(heap.buffer, "WRONG_BYTE_ORDER", message);
  });

  it("every word of the geometry when one bit of it is flipped", () => {
    for (let word: number = Header.BASE_FRAME; word <= Header.CHECKSUM; word++) {
      for (const bit of [0, 7, 20, 31]) {
        words[word] ^= 1 << bit;
        expectNoHeap(heap.buffer, "BAD_GEOMETRY", "the header checksum is 0x");
        words[word] ^= 1 << bit;
      }
    }
    expectClean(Heap.attach(heap.source));
  });

  it("an end beyond the limit, before the pages, or absurd", () => {
    const { endAddress } = heapStats(heap);
    for (const end of [endAddress / PAGE + 1, 0, 3, -1, 0x7fff_ffff]) {
      words[Header.END_FRAME] = end;
      expectNoHeap(heap.buffer, "BAD_GEOMETRY", `the heap's end (frame ${end >>> 0}) lies outside of its limits`);
    }
  });

  it("a heap that was moved within its buffer", () => {
    const moved = new ArrayBuffer(2 * MIB);
    new Uint8Array(moved).set(new Uint8Array(heap.buffer), PAGE);
    expectNoHeap(moved, "BAD_GEOMETRY", "the heap was made at frame 0 and stands at frame 1", PAGE);
  });

  it.each([0, 1, 4095])("a buffer of %i bytes", (byteLength) => {
    expectNoHeap(heap.buffer.slice(0, byteLength), "TRUNCATED", `the buffer has ${byteLength} bytes`);
  });

  it.each([PAGE, 100_000, MIB - PAGE, MIB - 1])("a heap cut off after %i bytes", (byteLength) => {
    const message = `the heap ends at byte ${MIB}, the buffer has only ${byteLength} bytes`;
    expectNoHeap(heap.buffer.slice(0, byteLength), "TRUNCATED", message);
  });

  it("a start beyond the buffer", () => {
    expectNoHeap(heap.buffer, "TRUNCATED", "no room for a heap's header", MIB);
    expectNoHeap(heap.buffer, "TRUNCATED", "no room for a heap's header", 2 ** 32);
  });

  it.each([Number.NaN, -1, -4096, 0.5, Number.POSITIVE_INFINITY, "0"])("the start %s", (start) => {
    expectNoHeap(heap.buffer, "BAD_ARGUMENT", "start must be a byte offset from 0 to 2^32, not", start as number);
  });

  it("what is no memory", () => {
    for (const source of [undefined, null, 5, "memory", {}, new Uint8Array(10)]) {
      const error = thrownBy(() => Heap.attach(source as never));
      expect(error.code).toBe("BAD_ARGUMENT");
      expect(error.message).toContain("source is the handle of a heap, a buffer or a WebAssembly.Memory, not");
    }
  });
});

describe("load refuses", () => {
  it("private pages that lie outside of the heap", () => {
    const area = words[Header.SLOT_TABLE] / 4 + SlotRecord.AREA;
    for (const address of [4, MIB, -4096, 0x7fff_f000]) {
      words[area] = address;
      const error = thrownBy(() => loadDump(dumpHeap(heap)));
      expect(error.code).toBe("BAD_GEOMETRY");
      expect(error.message).toContain("private pages of slot 0");
    }
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { type Cache, Heap, heapStats } from "../../src/index.ts";
import { FrameKind, PAGE_SIZE, Tag } from "../../src/layout.ts";
import { hex } from "../../src/memory/errors.ts";
import { expectClean, expectRefusal } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

/** A heap with one of everything in it. */
interface Scene {
  readonly heap: Heap;
  readonly peek: Peek;
  /** A block of 112 bytes and the one behind it. */
  readonly block: number;
  readonly neighbour: number;
  /** A run of three pages for a block of 10,000 bytes more than the largest class. */
  readonly run: number;
  /** Three pages from `heap.pages`. */
  readonly pages: number;
  readonly cache: Cache;
  readonly object: number;
  /** Freed, and waiting in the sheaf. */
  readonly inSheaf: number;
  /** Free in its slab. */
  readonly inSlab: number;
}

function makeScene(): Scene {
  const heap = Heap.create({ sizeBytes: MIB });
  const peek = new Peek(heap);
  const block = heap.alloc(100);
  const neighbour = heap.alloc(100);
  const run = heap.alloc(40_000);
  const pages = heap.pages.alloc(3);
  const cache = heap.createCache({ name: "nodes", sizeBytes: 40 });
  const object = cache.alloc();
  const inSheaf = heap.alloc(200);
  heap.free(inSheaf);
  let inSlab = peek.firstPageFrame * PAGE_SIZE;
  while (peek.tag(inSlab) !== Tag.IN_SLAB) inSlab += 16;
  return { heap, peek, block, neighbour, run, pages, cache, object, inSheaf, inSlab };
}

let scene: Scene;
let heap: Heap;

beforeEach(() => {
  scene = makeScene();
  heap = scene.heap;
});

/** Asserts that a free is refused with this text, by `heap.free`, with nothing changed. */
function expectBadFree(address: unknown, code: string, ...texts: string[]): void {
  const action = (): void => heap.free(address as number);
  const error = expectRefusal(heap, action, code, ...texts.map((text) => `cannot free ${text}`));
  expect(error.details["address"]).toBe(address);
  expectClean(heap);
}

describe("free does nothing for", () => {
  it.each([0, -0])("null, written %s", (address) => {
    const before = new Uint8Array(heap.buffer).slice();
    heap.free(address);
    expect(Buffer.compare(before, new Uint8Array(heap.buffer))).toBe(0);
  });
});

describe("free refuses", () => {
  it("a block twice", () => {
    heap.free(scene.block);
    const bounds = `[${hex(scene.block)}, ${hex(scene.block + 112)}) of kmalloc-112`;
    expectBadFree(scene.block, "DOUBLE_FREE", `${hex(scene.block)}: the block ${bounds} is already free`);
  });

  it("a block a third time, after others came between", () => {
    heap.free(scene.block);
    heap.free(scene.neighbour);
    expectBadFree(scene.block, "DOUBLE_FREE", `${hex(scene.block)}: the block [`);
  });

  it("a free block in a sheaf", () => {
    expectBadFree(scene.inSheaf, "DOUBLE_FREE", `${hex(scene.inSheaf)}: the block [`);
  });

  it("a free block in a slab", () => {
    expectBadFree(scene.inSlab, "DOUBLE_FREE", `${hex(scene.inSlab)}: the block [`);
  });

  it.each([1, 15, 16, 32, 100, 111])("the middle of a block, %i bytes in", (offset) => {
    const bounds = `[${hex(scene.block)}, ${hex(scene.block + 112)}) of kmalloc-112`;
    const text = `it lies ${offset} bytes inside of the block ${bounds} (live, slot 0)`;
    expectBadFree(scene.block + offset, "INVALID_FREE", `${hex(scene.block + offset)}: ${text}`);
  });

  it("the middle of a free block", () => {
    const address = scene.inSheaf + 16;
    expectBadFree(address, "INVALID_FREE", `${hex(address)}: it lies 16 bytes inside of the block [`);
    expect(() => heap.free(address)).toThrow("(free)");
  });

  it.each([16, 4096, 8192, 9999])("the middle of a run of pages, %i bytes in", (offset) => {
    const bounds = `[${hex(scene.run)}, ${hex(scene.run + 40_960)}) of pages`;
    const text = `${hex(scene.run + offset)}: it lies ${offset} bytes inside of the block ${bounds} (live, slot 0)`;
    expectBadFree(scene.run + offset, "INVALID_FREE", text);
  });

  it("a run of pages twice", () => {
    heap.free(scene.run);
    expectBadFree(scene.run, "DOUBLE_FREE", `${hex(scene.run)}: it lies in a free page`);
  });

  it("an address in a free page", () => {
    heap.free(scene.run);
    expectBadFree(scene.run + 64, "INVALID_FREE", `${hex(scene.run + 64)}: it lies in a free page`);
  });

  it("an address outside, just past the end", () => {
    expectBadFree(MIB, "INVALID_FREE", `${hex(MIB)}: it lies outside of the heap`);
  });

  it.each([2 * MIB, 0x7fff_fff0, 0x8000_0000, 0xffff_fff0])("an address far outside: %i", (address) => {
    expectBadFree(address, "INVALID_FREE", `${hex(address)}: it lies outside of the heap`);
  });

  it.each([16, 64, 128, 4096])("an address in the header and the tables: %i", (address) => {
    const text = `${hex(address)}: it belongs to the header and the tables of the heap`;
    expectBadFree(address, "INVALID_FREE", text);
  });

  it("pages from heap.pages", () => {
    const text = "it belongs to pages from heap.pages; free them there";
    expectBadFree(scene.pages, "INVALID_FREE", `${hex(scene.pages)}: ${text}`);
    expectBadFree(scene.pages + PAGE_SIZE, "INVALID_FREE", `${hex(scene.pages + PAGE_SIZE)}: ${text}`);
  });

  it("the private pages of a slot", () => {
    const area = scene.peek.areaWord * 4;
    expectBadFree(area, "INVALID_FREE", `${hex(area)}: it belongs to the private pages of a slot`);
    expectBadFree(area + 4096, "INVALID_FREE", `${hex(area + 4096)}: it belongs to the private pages of a slot`);
  });

  it("the unused end of a slab", () => {
    const { slabPages, slabBlocks, blockBytes } = heapStats(heap).caches.find(({ name }) => name === "kmalloc-112") ?? {
      slabPages: 0,
      slabBlocks: 0,
      blockBytes: 0,
    };
    const slab = scene.peek.frame(Math.floor(scene.block / PAGE_SIZE), 3) * PAGE_SIZE;
    const address = slab + slabBlocks * blockBytes;
    expect(address).toBeLessThan(slab + slabPages * PAGE_SIZE);
    expectBadFree(address, "INVALID_FREE", `${hex(address)}: it lies in the unused end of a slab`);
  });

  it("an address beyond the present end of memory that may grow", () => {
    heap = Heap.create({ sizeBytes: MIB, maximumBytes: 4 * MIB });
    expectBadFree(3 * MIB, "INVALID_FREE", "0x300000: it lies beyond the present end of the heap");
  });

  it.each<[string, unknown, string]>([
    ["a fraction", 4096.5, "4096.5: it is no address"],
    ["a fraction inside of a block", 0.5, "0.5: it is no address"],
    ["a negative number", -16, "-16: it is no address"],
    ["NaN", Number.NaN, "NaN: it is no address"],
    ["2^32", 2 ** 32, "4294967296: it is no address"],
    ["Infinity", Number.POSITIVE_INFINITY, "Infinity: it is no address"],
    ["a string", "4096", '"4096": it is no address'],
    ["undefined", undefined, "undefined: it is no address"],
    ["null", null, "null: it is no address"],
    ["an object", {}, "an object of Object class: it is no address"],
  ])("%s", (_name, address, text) => {
    expectBadFree(address, "INVALID_FREE", text);
  });

  it("a live block written as a string, or as the bits of a negative number", () => {
    expectBadFree(String(scene.block), "INVALID_FREE", `"${scene.block}": it is no address`);
    expectBadFree(scene.block - 2 ** 32, "INVALID_FREE", `${scene.block - 2 ** 32}: it is no address`);
    expectBadFree(scene.block + 2 ** 32, "INVALID_FREE", `${scene.block + 2 ** 32}: it is no address`);
  });

  it("an address below a heap that starts high in its buffer", () => {
    heap = Heap.create({ memory: new SharedArrayBuffer(2 * MIB), start: MIB });
    expectBadFree(4096, "INVALID_FREE", "0x1000: it lies outside of the heap");
    expectBadFree(MIB - 16, "INVALID_FREE", `${hex(MIB - 16)}: it lies outside of the heap`);
  });

  it("gives the block around the address in the details", () => {
    const action = (): void => heap.free(scene.block + 16);
    const error = expectRefusal(heap, action, "INVALID_FREE");
    expect(error.details).toEqual({
      address: scene.block + 16,
      where: "slab",
      block: { address: scene.block, usableBytes: 112, cache: "kmalloc-112", live: true, slot: 0 },
    });
  });
});

describe.each<[string, (address: number) => unknown]>([
  ["usableSize", (address) => heap.usableSize(address)],
  ["realloc", (address) => heap.realloc(address, 50)],
])("%s refuses", (_name, action) => {
  it.each<[string, () => unknown, string | RegExp]>([
    ["a freed block", () => scene.inSheaf, /^the block \[0x[0-9a-f]+, 0x[0-9a-f]+\) of kmalloc-\d+ is already free$/],
    ["a free block of a slab", () => scene.inSlab, /^the block \[.*\) of (?:nodes|kmalloc-112) is already free$/],
    ["the middle of a block", () => scene.block + 16, /^it lies 16 bytes inside .* of kmalloc-112 \(live, slot 0\)$/],
    ["the middle of a run", () => scene.run + 4096, /^it lies 4096 bytes inside .* of pages \(live, slot 0\)$/],
    ["the header", () => 16, "it belongs to the header and the tables of the heap"],
    ["a table", () => 4096, "it belongs to the header and the tables of the heap"],
    ["pages from heap.pages", () => scene.pages, /^it belongs to pages from heap\.pages/],
    ["a slot's pages", () => scene.peek.areaWord * 4, "it belongs to the private pages of a slot"],
    ["a free page", () => MIB - 4096, "it lies in a free page"],
    ["an address outside", () => MIB, "it lies outside of the heap"],
    ["a far address", () => 0xffff_fff0, "it lies outside of the heap"],
    ["a fraction", () => scene.block + 0.5, "it is no address"],
    [
      "a negative number",
      () => -16,
      "it is no address (WebAssembly gives an i32 from 2^31 on as a negative number: pass address >>> 0)",
    ],
    ["NaN", () => Number.NaN, "it is no address"],
    ["undefined", () => undefined, "it is no address"],
  ])("%s", (_what, address, why) => {
    const bad = address() as number;
    const { message } = expectRefusal(heap, () => action(bad), "INVALID_ADDRESS");
    const text = `no live block starts at ${hex(bad)}: `;
    expect(message.slice(0, text.length)).toBe(text);
    const rest = message.slice(text.length);
    if (typeof why === "string") expect(rest).toBe(why);
    else expect(rest).toMatch(why);
  });
});

describe("the address at the end of the heap", () => {
  it("has no tag: the byte behind the last tag, which is a page's, is not taken for one", () => {
    // The first page behind the tables is the DMA zone's, and free.
    heap = Heap.create({ sizeBytes: MIB, slotCount: 11, dmaBytes: 8 * PAGE_SIZE });
    const peek = new Peek(heap);
    const behind = peek.tagByte(MIB);
    expect(behind).toBe(peek.firstPageFrame * PAGE_SIZE);
    expect(peek.kindAt(behind)).toBeLessThan(FrameKind.FIRST_RUN);
    peek.bytes[behind] = 1;
    expect(() => heap.usableSize(MIB)).toThrow("no live block starts at 0x100000: it lies outside of the heap");
    expectBadFree(MIB, "INVALID_FREE", "0x100000: it lies outside of the heap");
  });
});

describe("usableSize", () => {
  it("refuses null", () => {
    expectRefusal(
      heap,
      () => heap.usableSize(0),
      "INVALID_ADDRESS",
      "no live block starts at 0x0: it belongs to the header",
    );
  });
});

describe("free of a cache refuses", () => {
  it("objects of another cache and blocks of kmalloc", () => {
    const other = heap.createCache({ name: "others", sizeBytes: 40 });
    const foreign = other.alloc();
    const belongs = (what: string): string => `it belongs to ${what}, not to the cache "nodes"`;
    const text = `cannot free ${hex(foreign)}: ${belongs("others")}`;
    expectRefusal(heap, () => scene.cache.free(foreign), "INVALID_FREE", text);
    expectRefusal(heap, () => scene.cache.free(scene.block), "INVALID_FREE", belongs("kmalloc-112"));
    expectRefusal(heap, () => scene.cache.free(scene.run), "INVALID_FREE", belongs("pages"));
  });

  it("an object twice, its middle, and what is no object at all", () => {
    expectRefusal(heap, () => scene.cache.free(scene.object + 16), "INVALID_FREE", "it lies 16 bytes inside of");
    expectRefusal(heap, () => scene.cache.free(scene.pages), "INVALID_FREE", "it belongs to pages from heap.pages");
    expectRefusal(heap, () => scene.cache.free(0.5), "INVALID_FREE", "cannot free 0.5: it is no address");
    expectRefusal(heap, () => scene.cache.free(0xffff_fff0), "INVALID_FREE", "it lies outside of the heap");
    expectRefusal(heap, () => scene.cache.free(undefined as never), "INVALID_FREE", "cannot free undefined");
    scene.cache.free(scene.object);
    expectRefusal(heap, () => scene.cache.free(scene.object), "DOUBLE_FREE", "of nodes is already free");
    scene.cache.free(0);
  });
});

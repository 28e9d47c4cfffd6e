import { type Atomik, atomik, LogRing } from "kmem/atomik";
import { beforeEach, describe, expect, it } from "vitest";
import { Chunk, RegionHeader } from "../../../src/region/layout.ts";
import { firstDifference } from "../../support/expectations.ts";

const hex = (address: number): string => `0x${address.toString(16)}`;
const shown = (value: unknown): string => (typeof value === "bigint" ? `${value}n` : String(value));

/** Three busy chunks of 304 bytes and the free rest behind them, in a region of 4080 bytes. */
let memory: SharedArrayBuffer;
let bytes: Uint8Array;
let words: Int32Array;
let log: LogRing;
let kernel: Atomik;
let hdr: number;
let live: number[];

beforeEach(() => {
  memory = new SharedArrayBuffer(65_536);
  bytes = new Uint8Array(memory);
  words = new Int32Array(memory);
  log = new LogRing();
  kernel = atomik(memory, log);
  hdr = kernel.kmalloc_init(16, 4095);
  live = [1, 2, 3].map(() => kernel.kmalloc(300, hdr));
});

/** Asserts that the call prints this and nothing else, returns NULL or nothing, and changes no byte. */
function expectRefused(call: () => unknown, message: string): void {
  const before = bytes.slice();
  log.clear();
  expect(call() ?? 0).toBe(0);
  expect(log.messages()).toEqual([message]);
  expect(firstDifference(before, bytes)).toBe(-1);
}

/** Overwrites a word of the chunk with this payload (or of the header itself). */
function poke(address: number, field: number, value: number): void {
  words[address / 4 + field] = value;
}
const chunkOf = (payload: number): number => payload - 32;

describe("kmalloc and kmalloc_fast refuse", () => {
  const bad = [
    Number.NaN,
    -1,
    0.5,
    2 ** 32,
    2 ** 33,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    "16",
    undefined,
    null,
    5n,
    true,
    {},
  ];
  const text = (size: unknown): string =>
    typeof size === "string"
      ? `"${size}"`
      : shown(typeof size === "object" && size ? "an object of Object class" : size);

  it.each(bad)("what is no size: %s", (size) => {
    for (const name of ["kmalloc", "kmalloc_fast"] as const) {
      expectRefused(() => kernel[name](size as number, hdr), `${name}: tamano incorrecto (${text(size)})`);
    }
  });

  it("a pointer that is no header", () => {
    for (const name of ["kmalloc", "kmalloc_fast"] as const) {
      for (const header of [0, -16, 8, 17, 65_536, 2 ** 32, Number.NaN, 0.5, undefined, null, 5n]) {
        const message = `${name}: ${shown(header)} no es una cabecera`;
        expectRefused(() => kernel[name](8, header as number), message);
      }
      const message = `${name}: cabecera corrupta en 0x30 (numero magico 0xdead7007)`;
      expectRefused(() => kernel[name](8, 48), message);
    }
  });

  it.each(Object.keys(RegionHeader) as (keyof typeof RegionHeader)[])("a header whose %s is overwritten", (field) => {
    words[hdr / 4 + RegionHeader[field]] ^= 64;
    const magic = (words[hdr / 4] as number) >>> 0;
    const message = `cabecera corrupta en 0x10 (numero magico ${hex(magic)})`;
    expectRefused(() => kernel.kmalloc(8, hdr), `kmalloc: ${message}`);
    expectRefused(() => kernel.kmalloc_fast(8, hdr), `kmalloc_fast: ${message}`);
    expectRefused(() => kernel.kfree(live[0] as number, hdr), `kfree: ${message}`);
    expectRefused(() => kernel.kmalloc_chunk_debug(hdr), `kmalloc_chunk_debug: ${message}`);
  });

  it("to go through a list or an index that is damaged, wherever the damage is", () => {
    kernel.kfree(live[1] as number, hdr);
    const rest = (live[2] as number) + 304;
    const damages: [number, number, number, number][] = [
      [rest, Chunk.CANARY, 0, hdr],
      [rest, Chunk.STATE, 7, hdr],
      [rest, Chunk.MAX, 10_000, rest],
      [rest, Chunk.RIGHT, 64, rest],
      [rest, Chunk.LEFT, rest, rest],
      [rest, Chunk.SIZE, 9999, rest],
      [rest, Chunk.NEXT, 0x100, rest],
      [rest, Chunk.PREV, 0x100, 0x100],
      [chunkOf(live[0] as number), Chunk.CANARY, 1, chunkOf(live[0] as number)],
      [chunkOf(live[2] as number), Chunk.NEXT, 0, chunkOf(live[2] as number)],
      [chunkOf(live[2] as number), Chunk.STATE, 2, chunkOf(live[2] as number)],
    ];
    const whole = bytes.slice();
    for (const [address, field, value, found] of damages) {
      bytes.set(whole);
      poke(address, field, value);
      // Where the index is one node deep, damage to the right of it shows when it is asked for more than it has.
      const size = field === Chunk.MAX || (address === rest && field === Chunk.RIGHT) ? 9000 : 1000;
      if (address === rest && field === Chunk.RIGHT) poke(rest, Chunk.MAX, 10_000);
      const message = `lista corrupta en ${hex(found)}`;
      expectRefused(() => kernel.kmalloc(size, hdr), `kmalloc: ${message}`);
      expectRefused(() => kernel.kmalloc_fast(size, hdr), `kmalloc_fast: ${message}`);
      expect(kernel.check()).not.toEqual([]);
    }
    bytes.set(whole);
    expect(kernel.check()).toEqual([]);
  });
});

describe("kfree refuses", () => {
  const refused = (ptr: unknown, message: string): void =>
    expectRefused(() => kernel.kfree(ptr as number, hdr), `kfree: ${message}`);

  it("what lies outside of the region, and names it", () => {
    for (const ptr of [8, 16, 48, 79, 4096, 65_536, 2 ** 32 - 16]) refused(ptr, `${hex(ptr)} fuera de rango!`);
    for (const ptr of [-16, Number.NaN, 80.5, 2 ** 32, Number.POSITIVE_INFINITY, undefined, null, 80n]) {
      refused(ptr, `${shown(ptr)} fuera de rango!`);
    }
  });

  it("what is not aligned", () => {
    for (const offset of [1, 4, 8, 15]) {
      const ptr = (live[0] as number) + offset;
      refused(ptr, `${hex(ptr)} no esta alineado a 16 bytes!`);
    }
  });

  it("a pointer into the middle of a block, whatever the block holds", () => {
    const inside = (live[1] as number) + 64;
    refused(inside, `canario corrupto en ${hex(inside - 32)} (0x00000000 en lugar de 0xdead7007)`);
    // The block holds a copy of a busy chunk's header.
    bytes.copyWithin(inside - 32, chunkOf(live[1] as number), live[1] as number);
    refused(inside, `sello corrupto en ${hex(inside - 32)}`);
    // And now one with a seal that is right for this place.
    const salt = words[hdr / 4 + RegionHeader.SALT] as number;
    poke(inside - 32, Chunk.SEAL, (inside - 32) ^ salt);
    refused(inside, `lista corrupta en ${hex(inside - 32)}`);
  });

  it("a second free, after merging too, and a free of what was never allocated", () => {
    const double = (ptr: number): string => `liberacion doble / corrupcion (estado 0) en ${hex(ptr)}`;
    kernel.kfree(live[1] as number, hdr);
    refused(live[1], double(live[1] as number));
    kernel.kfree(live[0] as number, hdr);
    refused(live[1], double(live[1] as number));
    const rest = (live[2] as number) + 304 + 32;
    refused(rest, double(rest));
  });

  it("a block of another region", () => {
    const other = kernel.kmalloc_init(8192, 12_287);
    const ptr = kernel.kmalloc(100, other);
    refused(ptr, `${hex(ptr)} fuera de rango!`);
  });

  it("a block that an earlier region left in the same bytes", () => {
    bytes.fill(0, hdr, hdr + 4);
    expect(kernel.kmalloc_init(16, 4095)).toBe(hdr);
    // The chunks behind the first one are still there, linked to each other, but this region did not make them.
    refused(live[2], `sello corrupto en ${hex(chunkOf(live[2] as number))}`);
  });

  it.each([2, 3, -1, 0x101])("a chunk whose state is %i", (state) => {
    poke(chunkOf(live[1] as number), Chunk.STATE, state);
    refused(live[1], `liberacion doble / corrupcion (estado ${state}) en ${hex(live[1] as number)}`);
  });

  it("a chunk whose canary, or a neighbour's, was run over", () => {
    for (const index of [0, 1, 2]) {
      const whole = bytes.slice();
      const chunk = chunkOf(live[index] as number);
      // What a block writes too much lands on the next header.
      bytes.fill(0x41, chunk, chunk + 1);
      refused(live[1], `canario corrupto en ${hex(chunk)} (0xdead7041 en lugar de 0xdead7007)`);
      bytes.set(whole);
    }
  });

  it("a chunk whose links, or a neighbour's, or whose sizes do not agree", () => {
    const [before, chunk, behind] = live.map(chunkOf) as [number, number, number];
    const damages: [number, number, number, number][] = [
      [chunk, Chunk.NEXT, before, chunk],
      [chunk, Chunk.NEXT, 0xfffffff0, chunk],
      [chunk, Chunk.PREV, behind, chunk],
      [chunk, Chunk.PREV, 0, chunk],
      [chunk, Chunk.SIZE, 20, chunk],
      [chunk, Chunk.SIZE, 0, chunk],
      [chunk, Chunk.SIZE, -1, chunk],
      [before, Chunk.NEXT, behind, before],
      [before, Chunk.SIZE, 20, before],
      [before, Chunk.STATE, 2, before],
      [behind, Chunk.PREV, before, behind],
      [behind, Chunk.STATE, 2, behind],
    ];
    const whole = bytes.slice();
    for (const [address, field, value, found] of damages) {
      bytes.set(whole);
      poke(address, field, value);
      refused(live[1], `lista corrupta en ${hex(found)}`);
      expect(kernel.check()).not.toEqual([]);
    }
  });

  it("to go through an index that is damaged around the chunk", () => {
    const rest = (live[2] as number) + 304;
    const whole = bytes.slice();
    const damages: [number, number, number, number, number][] = [
      [1, rest, Chunk.LEFT, chunkOf(live[0] as number), rest],
      [1, rest, Chunk.RIGHT, 0x30, rest],
    ];
    for (const [index, address, field, value, found] of damages) {
      bytes.set(whole);
      poke(address, field, value);
      refused(live[index], `indice corrupto en ${hex(found)}`);
    }
    // With the first block free too, two chunks stand in the index: the free rest, and the block before the one freed.
    bytes.set(whole);
    kernel.kfree(live[0] as number, hdr);
    const two = bytes.slice();
    poke(rest, Chunk.LEFT, 0);
    refused(live[1], `indice corrupto en ${hex(rest)}`);
    // A free chunk that reaches over busy ones behind it.
    bytes.set(two);
    poke(chunkOf(live[0] as number), Chunk.SIZE, 60);
    refused(live[2], `indice corrupto en ${hex(chunkOf(live[0] as number))}`);
    bytes.set(two);
    kernel.kfree(live[1] as number, hdr);
    expect(kernel.check()).toEqual([]);
  });
});

describe("kfree refuses to follow", () => {
  /** Which blocks of 16 bytes are freed, whose word is overwritten, which word and by what, and which is freed last. */
  const cases: readonly [string, number, readonly number[], number, number, number, number][] = [
    ["the link behind a neighbour that is merged", 3, [1], 1, Chunk.NEXT, 0, 0],
    ["the size of a neighbour that is merged", 3, [1], 1, Chunk.SIZE, 1000, 0],
    ["a link of the tree into a circle", 10, [4, 6, 2, 8], 8, Chunk.LEFT, 1024, 5],
    ["a link of the tree beside the way", 8, [3, 4, 1, 6], 6, Chunk.LEFT, 1152, 2],
    ["a link of the tree to nothing", 10, [1, 3, 5, 7], 7, Chunk.LEFT, 0, 8],
  ];

  it.each(cases)("what leads outside of the region, in circles or past a chunk: %s", (...one) => {
    const [, count, freed, about, field, value, last] = one;
    const region = kernel.kmalloc_init(8192, 16_383);
    const blocks = Array.from({ length: count }, () => kernel.kmalloc_fast(16, region));
    for (const index of freed) kernel.kfree(blocks[index] as number, region);
    poke(chunkOf(blocks[about] as number), field, value);
    const before = bytes.slice();
    log.clear();
    kernel.kfree(blocks[last] as number, region);
    expect(log.messages()).toEqual([expect.stringMatching(/^kfree: (lista|indice) corrupt[oa] en 0x/)]);
    expect(firstDifference(before, bytes)).toBe(-1);
  });
});

describe("kmalloc_init refuses", () => {
  const refused = (start: unknown, end: unknown, problem: string): void =>
    expectRefused(() => kernel.kmalloc_init(start as number, end as number), `kmalloc_init: ${problem}!`);

  it("what is no pair of addresses", () => {
    for (const value of [Number.NaN, -1, 0.5, 2 ** 32, Number.POSITIVE_INFINITY, undefined, null, 5n]) {
      refused(value, 8191, `${shown(value)} y 8191 no son dos direcciones`);
      refused(8192, value, `8192 y ${shown(value)} no son dos direcciones`);
    }
  });

  it("reversed bounds", () => {
    refused(9000, 8999, "la region 0x2328-0x2327 esta invertida");
  });

  it("a region that is too small, and takes the smallest that is not", () => {
    const problem = "es demasiado pequena: hacen falta 80 bytes alineados a 16";
    refused(8192, 8192, `la region 0x2000-0x2000 ${problem}`);
    refused(8192, 8192 + 78, `la region 0x2000-0x204e ${problem}`);
    refused(8193, 8193 + 78, `la region 0x2001-0x204f ${problem}`);
    const small = kernel.kmalloc_init(8192, 8192 + 79);
    expect(small).toBe(8192);
    expect(kernel.kmalloc(17, small)).toBe(0);
    expect(kernel.kmalloc(16, small)).toBe(8192 + 64);
    expect(kernel.kmalloc(0, small)).toBe(0);
  });

  it("a region that leaves the memory, and takes one that ends with it", () => {
    refused(8192, 65_536, "la region 0x2000-0x10000 se sale de la memoria, que tiene 65536 bytes");
    refused(70_000, 80_000, "la region 0x11170-0x13880 se sale de la memoria, que tiene 65536 bytes");
    expect(kernel.kmalloc_init(8192, 65_535)).toBe(8192);
  });

  it("a region over a live one, by a byte or by all of it", () => {
    for (const [start, end] of [
      [16, 4095],
      [0, 200],
      [4095, 8191],
      [1000, 2000],
      [0, 65_535],
    ] as const) {
      refused(start, end, `la region ${hex(start)}-${hex(end)} se solapa con la region 0x10-0xfff`);
    }
    expect(kernel.kmalloc_init(4096, 8191)).toBe(4096);
    expect(kernel.check()).toEqual([]);
  });

  it("only live ones: where the magic is gone, a region can be made anew", () => {
    bytes.fill(0, hdr, hdr + 4);
    expect(kernel.kmalloc_init(16, 4095)).toBe(hdr);
    expect(kernel.kmalloc(300, hdr)).toBe(live[0]);
    expect(kernel.check()).toEqual([]);
  });

  it("pages of a range that are not allocated; it takes those that are, again and again", () => {
    expect(kernel.mm_register_region(8192, 65_535)).toBe(8192);
    refused(8192, 12_287, "la region 0x2000-0x2fff ocupa la pagina 0x2000, que no esta alojada");
    refused(20_480, 24_575, "la region 0x5000-0x5fff ocupa la pagina 0x5000, que no esta alojada");
    for (let round = 0; round < 3; round++) {
      const page = kernel.page_alloc(3);
      const last = page + 3 * 4096 - 1;
      const text = `la region ${hex(page)}-${hex(last + 1)} ocupa la pagina ${hex(last + 1)}, que no esta alojada`;
      if (round === 0) refused(page, last + 1, text);
      const inner = kernel.kmalloc_init(page, last);
      expect(inner).toBe(page);
      expect(kernel.kmalloc(5000, inner)).toBeGreaterThan(page);
      expect(kernel.page_free(page, 3)).toBe(0);
    }
    expect(kernel.check()).toEqual([]);
  });

  it("no page for a region that was in it before another binding freed it", () => {
    const [start, last] = [8192, 65_535];
    kernel.mm_register_region(start, last);
    const other = atomik(memory, log);
    other.mm_register_region(start, last);
    const page = kernel.page_alloc(1);
    const inner = kernel.kmalloc_init(page, page + 4095);
    expect(other.page_free(page, 1)).toBe(0);
    expect(kernel.page_alloc(1)).toBe(page);
    expect(kernel.kmalloc_init(page, page + 4095)).toBe(inner);
  });
});

describe("kmalloc_chunk_debug", () => {
  it("refuses what is no header and ends on a damaged list", () => {
    expectRefused(() => kernel.kmalloc_chunk_debug(0), "kmalloc_chunk_debug: 0 no es una cabecera");
    poke(chunkOf(live[1] as number), Chunk.SIZE, 0);
    log.clear();
    kernel.kmalloc_chunk_debug(hdr);
    expect(log.messages()).toEqual([expect.stringMatching(/^B0x30\(336\)\S+ B0x180\(0\)\S+$/)]);
  });
});

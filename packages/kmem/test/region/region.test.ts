import { describe, expect, it } from "vitest";
import { checkRegion, chunksOf } from "../../src/region/check.ts";
import { heightOf, type Words } from "../../src/region/free-index.ts";
import { Chunk, RegionHeader } from "../../src/region/layout.ts";
import { allocateFirst, allocateWorst, createRegion, release, usableBytes } from "../../src/region/region.ts";
import { findFirst, findLargest, indexFault } from "../../src/region/search.ts";
import { freeFault } from "../../src/region/verify.ts";
import { Random } from "../support/random.ts";
import { regionDamageCampaign } from "./damage.ts";

interface Built {
  readonly words: Words;
  readonly header: number;
}

/** A region with `holes` free chunks of random sizes, each between two busy ones, and the free rest. */
function withHoles(holes: number, seed = 1): Built {
  const random = new Random(seed);
  const words = new Int32Array(new SharedArrayBuffer(holes * 700 + 65_536));
  const header = createRegion(words, 16, words.byteLength - 1) / 4;
  const live = Array.from({ length: holes * 2 }, () => allocateFirst(words, header, 16 + random.below(256)));
  for (let index = 0; index < live.length; index += 2) release(words, header, live[index] as number);
  return { words, header };
}

function findings({ words, header }: Built): string[] {
  const problems: string[] = [];
  checkRegion(words, header, (_address, problem) => problems.push(problem));
  return problems;
}

/** How many different chunks a search reads from. */
function chunksRead({ words, header }: Built, search: (words: Words) => number): number {
  const starts = new Set([...chunksOf(words, header)].map(({ address }) => address / 4));
  const read = new Set<number>();
  const watching = new Proxy(words, {
    get(target, key) {
      const word = Number(key);
      for (let chunk = word; chunk > word - 8; chunk--) if (starts.has(chunk)) read.add(chunk);
      return target[word];
    },
  });
  search(watching);
  return read.size;
}

const log2 = (count: number): number => Math.log2(count + 2);

describe("the index of free chunks", () => {
  it.each([10, 100, 1000, 20_000])("is searched in O(log n): %i free chunks", (holes) => {
    const built = withHoles(holes);
    const { words, header } = built;
    expect(findings(built)).toEqual([]);
    expect(heightOf(words, (words[header + RegionHeader.ROOT] as number) >>> 2)).toBeLessThan(1.45 * log2(holes));
    const bound = 2 * 1.45 * log2(holes) + 1;
    for (const blocks of [3, 8, 15, 18, 100]) {
      expect(chunksRead(built, (watched) => findFirst(watched, header, blocks))).toBeLessThanOrEqual(bound);
      expect(chunksRead(built, (watched) => findLargest(watched, header, blocks))).toBeLessThanOrEqual(bound);
    }
    const middle = header + words.length / 2;
    expect(chunksRead(built, (watched) => indexFault(watched, header, middle, 0, 0))).toBeLessThanOrEqual(bound);
  });

  it("000-21 first fit looks at fewer chunks than worst fit", () => {
    const totals = Array.from({ length: 40 }, (_, seed) => {
      const built = withHoles(300, seed);
      const { header } = built;
      return [
        chunksRead(built, (watched) => findFirst(watched, header, 3)),
        chunksRead(built, (watched) => findLargest(watched, header, 3)),
      ] as const;
    });
    const sum = (index: 0 | 1): number => totals.reduce((total, pair) => total + pair[index], 0);
    expect(sum(0)).toBeLessThan(sum(1));
  });

  it("finds what a walk along the list finds", () => {
    const { words, header } = withHoles(500);
    const free = [...chunksOf(words, header)].filter(({ busy }) => !busy);
    const largest = Math.max(...free.map(({ blocks }) => blocks));
    for (let blocks = 1; blocks <= 24; blocks++) {
      const first = free.find((chunk) => chunk.blocks >= blocks);
      expect(findFirst(words, header, blocks)).toBe((first?.address ?? 0) / 4);
      expect(findLargest(words, header, blocks)).toBe(
        (free.find((chunk) => chunk.blocks === largest)?.address ?? 0) / 4,
      );
    }
    expect(findFirst(words, header, largest + 1)).toBe(0);
    expect(findLargest(words, header, largest + 1)).toBe(0);
  });

  it("is empty when all is busy, and holds what is freed then", () => {
    const words = new Int32Array(new ArrayBuffer(4096));
    const header = createRegion(words, 16, 16 + 32 + 48 * 4 - 1) / 4;
    const live = [1, 2, 3, 4].map(() => allocateWorst(words, header, 16));
    expect(words[header + RegionHeader.ROOT]).toBe(0);
    expect(allocateWorst(words, header, 0)).toBe(0);
    expect(allocateFirst(words, header, 0)).toBe(0);
    release(words, header, live[2] as number);
    expect(allocateWorst(words, header, 16)).toBe(live[2]);
  });
});

describe("a region", () => {
  it("lies anywhere in the address space, above 2 GiB too", () => {
    const words = new Int32Array(new SharedArrayBuffer(2 ** 32));
    for (const start of [16, 2 ** 31 - 2048, 2 ** 32 - 4096]) {
      const header = createRegion(words, start, start + 4095) / 4;
      expect(header * 4).toBe(start);
      const live = [100, 200, 300].map((size) => allocateWorst(words, header, size));
      expect(live).toEqual([start + 64, start + 64 + 144, start + 64 + 144 + 240]);
      expect(live.map((address) => usableBytes(words, address))).toEqual([112, 208, 304]);
      for (const address of [live[1], live[0], live[2]] as number[]) {
        expect(freeFault(words, header, address)).toBeUndefined();
        release(words, header, address);
      }
      expect([...chunksOf(words, header)]).toEqual([expect.objectContaining({ blocks: (4096 - 32) / 16 })]);
      expect(findings({ words, header })).toEqual([]);
    }
  });

  it("may be nearly all of 4 GiB", () => {
    const words = new Int32Array(new SharedArrayBuffer(2 ** 32));
    const header = createRegion(words, 0, 2 ** 32 - 1) / 4;
    const most = 2 ** 32 - 16 - 64;
    expect(allocateWorst(words, header, most + 1)).toBe(0);
    const address = allocateWorst(words, header, most);
    expect([address, usableBytes(words, address)]).toEqual([80, most]);
    expect(freeFault(words, header, address)).toBeUndefined();
    release(words, header, address);
    expect(findings({ words, header })).toEqual([]);
  });

  it("does not read nor write the payload of a free chunk", () => {
    const built = withHoles(50);
    const { words, header } = built;
    const free = [...chunksOf(words, header)].filter(({ busy }) => !busy);
    for (const { payload, usableBytes: bytes } of free) words.fill(-1, payload / 4, (payload + bytes) / 4);
    expect(findings(built)).toEqual([]);
    for (let count = 0; count < 20; count++) expect(allocateFirst(words, header, 100)).toBeGreaterThan(0);
    expect(findings(built)).toEqual([]);
  });
});

describe("the check of a region", () => {
  const damages: [string, (built: Built, chunk: number) => void, string][] = [
    ["a magic", ({ words, header }) => words.fill(0, header, header + 1), "the region's header is damaged"],
    ["a first", ({ words, header }) => words.fill(64, header + 4, header + 5), "the region's header is damaged"],
    ["a last", ({ words, header }) => words.fill(64, header + 5, header + 6), "the region's header is damaged"],
    ["a canary", ({ words }, chunk) => words.fill(0, chunk, chunk + 1), "a chunk's canary is overwritten"],
    ["a link forward", ({ words }, chunk) => words.fill(16, chunk + 3, chunk + 4), "a chunk's link forward is wrong"],
    ["a link back", ({ words }, chunk) => words.fill(16, chunk + 4, chunk + 5), "a chunk's link back is wrong"],
    ["a size", ({ words }, chunk) => words.fill(1, chunk + 2, chunk + 3), "a chunk has 1 blocks, which cannot be"],
    ["a state", ({ words }, chunk) => words.fill(9, chunk + 1, chunk + 2), "a chunk has the state 9"],
    ["a seal", ({ words }, chunk) => words.fill(0, chunk + 5, chunk + 6), "a busy chunk's seal is broken"],
    [
      "an unmerged pair",
      ({ words }, chunk) => words.fill(0, chunk + 1, chunk + 2),
      "two free neighbours are not merged",
    ],
    ["a root", ({ words, header }) => words.fill(0, header + 6, header + 7), "the region's header is damaged"],
  ];

  it.each(damages)("finds %s that is wrong", (_what, damage, problem) => {
    const built = withHoles(100);
    const busy = [...chunksOf(built.words, built.header)].filter((chunk) => chunk.busy);
    damage(built, (busy[50]?.address as number) / 4);
    expect(findings(built)).toContain(problem);
  });

  it("finds a maximum, a height and a balance that are wrong, and links in circles", () => {
    const damage = (word: number, value: (root: number, words: Words) => number): string[] => {
      const built = withHoles(100);
      const root = (built.words[built.header + RegionHeader.ROOT] as number) >>> 2;
      built.words[root + word] = value(root, built.words);
      return findings(built);
    };
    expect(damage(Chunk.MAX, () => 1)).toEqual(["a maximum in the index is wrong"]);
    expect(damage(Chunk.STATE, () => 3 << 8)).toEqual(["a height in the index is wrong"]);
    const flipped = (root: number, words: Words): number => (words[root + Chunk.STATE] as number) ^ (1 << 20);
    expect(damage(Chunk.STATE, flipped)).toEqual(["a checksum in the index is wrong"]);
    const unbalanced = damage(Chunk.LEFT, () => 0);
    expect(unbalanced).toContain("the index is out of balance");
    expect(unbalanced.some((problem) => /^the index holds \d+ chunks, 101 are free$/.test(problem))).toBe(true);
    const notAChunk = "the index leads to what is no free chunk in its place";
    expect(damage(Chunk.LEFT, (root) => root * 4)).toContain(notAChunk);
    expect(damage(Chunk.RIGHT, (root, words) => words[root + Chunk.LEFT] as number)).toContain(notAChunk);
  });
});

describe("a region of which header words were overwritten", () => {
  const CASES = 2000;

  it("000-04 000-27 gives and changes the same as without the damage, or refuses and changes nothing: one word", () => {
    const { faults, refused, right } = regionDamageCampaign(CASES, 1);
    expect(faults).toEqual([]);
    for (const count of [refused, right]) expect(count).toBeGreaterThan(CASES / 4);
  });

  it.each([2, 5])("never writes outside, reads without end or throws: %i words", (damagedWords) => {
    const { faults, refused, unnoticed } = regionDamageCampaign(CASES / 2, 1, damagedWords);
    expect(faults).toEqual([]);
    expect(refused).toBeGreaterThan(CASES / 8);
    expect(unnoticed).toBeLessThan(CASES / 100);
  });
});

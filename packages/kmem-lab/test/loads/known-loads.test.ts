import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Workload } from "kmem-cli/internal/replay/workload";
import { OpReader } from "kmem-cli/internal/trace/op-reader";
import { OP, OP_CODE_MASK, OPERATION, PAGE_BYTES, WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KNOWN_LOADS } from "../../src/loads/known-loads.ts";
import type { Load } from "../../src/loads/load.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kmem-loads-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the operations of a load do to a model that knows for each slot how large its block is. */
function replayModel({ opsPath, closingPath }: Workload) {
  const faults: string[] = [];
  const sizes = new Map<number, number>();
  let liveBytes = 0;
  let peakLiveBytes = 0;
  let peakLiveBlockCount = 0;
  let liveAtEnd = 0;
  const put = (slot: number, bytes: number): void => {
    liveBytes += bytes - (sizes.get(slot) ?? 0);
    sizes.set(slot, bytes);
    peakLiveBytes = Math.max(peakLiveBytes, liveBytes);
    peakLiveBlockCount = Math.max(peakLiveBlockCount, sizes.size);
  };
  const take = (code: number, slot: number, size: number, aux: number): void => {
    const held = sizes.get(slot);
    if (code === OP.REALLOC) {
      if (held === undefined || held !== aux) faults.push(`realloc of slot ${slot} from ${aux}, which holds ${held}`);
      put(slot, size);
    } else if (code === OP.FREE || code === OP.CACHE_FREE || code === OP.PAGE_FREE) {
      const bytes = code === OP.PAGE_FREE ? size * PAGE_BYTES : size;
      if (held !== bytes) faults.push(`free of slot ${slot} with ${bytes}, which holds ${held}`);
      liveBytes -= held ?? 0;
      sizes.delete(slot);
    } else {
      if (held !== undefined) faults.push(`slot ${slot} is taken twice`);
      put(slot, code === OP.PAGE_RUN ? size * PAGE_BYTES : size);
    }
  };
  for (const path of [opsPath, closingPath]) {
    const reader = new OpReader(path);
    for (let count = reader.next(); count > 0; count = reader.next()) {
      for (let at = 0; at < count * WORDS_PER_OP; at += WORDS_PER_OP) {
        const [code, slot, size, aux] = reader.words.subarray(at, at + WORDS_PER_OP) as unknown as number[];
        take(code! & OP_CODE_MASK, slot!, size!, aux!);
      }
    }
    reader.close();
    if (path === opsPath) liveAtEnd = sizes.size;
  }
  return { faults, peakLiveBytes, peakLiveBlockCount, liveAtEnd, liveBytesAfter: liveBytes, liveAfter: sizes.size };
}

function codesAndSizes({ opsPath }: Workload): { codes: Set<number>; sizes: number[]; alignments: Set<number> } {
  const reader = new OpReader(opsPath, Number.POSITIVE_INFINITY);
  const codes = new Set<number>();
  const alignments = new Set<number>();
  const sizes: number[] = [];
  for (let count = reader.next(), at = 0; at < count * WORDS_PER_OP; at += WORDS_PER_OP) {
    const word = reader.words[at + OPERATION.CODE]!;
    codes.add(word & OP_CODE_MASK);
    if ((word & OP_CODE_MASK) === OP.ALIGNED) alignments.add(2 ** (word >>> 8));
    sizes.push(reader.words[at + OPERATION.SIZE]!);
  }
  reader.close();
  return { codes, sizes, alignments };
}

const loadNamed = (name: string): Load => KNOWN_LOADS.find((load) => load.name === name)!;

describe.each(KNOWN_LOADS.map((load) => [load.name, load] as const))("the load %s", (_name, load) => {
  it("frees and resizes live blocks only, by their true sizes, and closes with all of them", () => {
    const workload = load.make(folder);
    const { faults, liveAtEnd, liveAfter, liveBytesAfter, ...peaks } = replayModel(workload);
    expect(faults.slice(0, 3)).toEqual([]);
    expect([liveAfter, liveBytesAfter]).toEqual([0, 0]);
    expect(workload.live).toMatchObject({ ...peaks, liveBlockCountAtEnd: liveAtEnd });
    expect(workload.kind).toBe(load.kind);
    expect(workload.opCount).toBeGreaterThan(10_000);
  });

  it("is the same each time", () => {
    const first = readFileSync(load.make(folder).opsPath);
    expect(readFileSync(load.make(folder).opsPath).equals(first)).toBe(true);
  });
});

describe("the loads", () => {
  it("hold as many blocks as they say", () => {
    const peak = (name: string): number => loadNamed(name).make(folder).live.peakLiveBlockCount;
    expect([peak("fifo"), peak("mixed sizes"), peak("aligned"), peak("page runs")]).toEqual([
      10_000, 1000, 10_000, 200,
    ]);
    expect(peak("lifo")).toBeGreaterThan(5000);
    expect(peak("lifo")).toBeLessThanOrEqual(10_000);
  });

  it("reach the ends of their ranges", () => {
    const mixed = codesAndSizes(loadNamed("mixed sizes").make(folder)).sizes;
    expect(Math.min(...mixed.slice(0, 50_000))).toBe(16);
    expect(Math.max(...mixed.slice(0, 50_000))).toBeGreaterThan(2 ** 20 * 0.99);
    expect(Math.max(...mixed.slice(0, 50_000))).toBeLessThanOrEqual(2 ** 20);
    expect([...codesAndSizes(loadNamed("aligned").make(folder)).alignments].sort((a, b) => a - b)).toEqual([
      16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
    ]);
    const pages = codesAndSizes(loadNamed("page runs").make(folder)).sizes;
    expect(Math.min(...pages)).toBe(1);
    expect(Math.max(...pages)).toBe(1024);
    expect(pages.some((count) => (count & (count - 1)) !== 0)).toBe(true);
  });

  it("use the operations that they are about", () => {
    const codes = (name: string): Set<number> => codesAndSizes(loadNamed(name).make(folder)).codes;
    expect(codes("vectors")).toContain(OP.REALLOC);
    expect(codes("strings")).toContain(OP.REALLOC);
    expect(codes("constructed")).toEqual(new Set([OP.CACHE_BUILD, OP.CACHE_FREE]));
    expect(codes("page runs")).toEqual(new Set([OP.PAGE_RUN, OP.PAGE_FREE]));
  });
});

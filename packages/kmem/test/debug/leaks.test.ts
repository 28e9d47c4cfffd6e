import { beforeEach, describe, expect, it } from "vitest";
import { DebugHeap, sitesText, unreferencedText } from "../../src/debug/index.ts";
import { totalOf } from "../../src/profile/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { useTestClock } from "../support/test-clock.ts";

let heap: DebugHeap;
let printed: string[];

beforeEach(() => {
  printed = [];
  heap = DebugHeap.create({ sizeBytes: 4 * MIB, print: (message) => printed.push(message) });
});

function buy(sizeBytes: number): number {
  return heap.alloc(sizeBytes);
}

function sell(sizeBytes: number): number {
  return heap.alloc(sizeBytes);
}

function words(): Int32Array {
  return new Int32Array(heap.buffer);
}

describe("leaks", () => {
  it("are live objects by the place where they were allocated, the most bytes first", () => {
    const bought = Array.from({ length: 3 }, () => buy(10));
    const sold = sell(500);
    heap.free(buy(1000));
    const sites = heap.leaks();
    expect(sites.map(({ blocks, bytes }) => [blocks, bytes])).toEqual([
      [1, 500],
      [3, 30],
    ]);
    expect(sites[0]).toMatchObject({ caches: ["kmalloc-512"], slots: [heap.slot], objects: [{ address: sold }] });
    expect(sites[1]?.objects.map(({ address }) => address).toSorted()).toEqual(bought.toSorted());
    expect(sites.map(({ stack }) => /at (\w+)/.exec(stack)?.[1])).toEqual(["sell", "buy"]);
  });

  it("count objects of caches, large ones and aligned ones", () => {
    const cache = heap.createCache({ name: "inode", sizeBytes: 600 });
    cache.alloc();
    heap.alloc(100_000);
    heap.alignedAlloc(1024, 50);
    expect(heap.leaks().map(({ bytes, caches }) => [bytes, caches[0]])).toEqual([
      [100_000, "kmalloc-large"],
      [600, "inode"],
      [50, "kmalloc-64"],
    ]);
  });

  it("are told by slot and by age", () => {
    const clock = useTestClock();
    buy(10);
    const other = DebugHeap.attach(heap.reserve());
    other.alloc(20);
    expect(heap.leaks({ slot: other.slot }).map(({ bytes }) => bytes)).toEqual([20]);
    expect(heap.leaks({ slot: heap.slot }).map(({ bytes }) => bytes)).toEqual([10]);
    clock.ms += 30;
    buy(40);
    expect(heap.leaks({ minAgeMs: 20 }).reduce((sum, { bytes }) => sum + bytes, 0)).toBe(30);
  });

  it("are printed as memleak prints them", () => {
    expect(sitesText(heap.leaks())).toBe("No outstanding allocations");
    buy(10);
    const text = sitesText(heap.leaks(), (frame) => frame.replace(/\(.*\)/, "(here)"));
    expect(text.split("\n").slice(0, 2)).toEqual([
      "Top 1 stacks with outstanding allocations:",
      "\t10 bytes in 1 allocations from stack",
    ]);
    expect(text).toMatch(/\n\t\tage=\d+\/\d+ ms slots=0 caches=kmalloc-16\n\t\tat buy \(here\)\n/);
  });
});

describe("a profile", () => {
  it("has all that was ever allocated by stack, and what of it is live", () => {
    for (let block = 0; block < 10; block++) heap.free(buy(100));
    buy(100);
    sell(30);
    const profile = heap.profile();
    const totals = (["allocCount", "allocBytes", "liveCount", "liveBytes"] as const).map((one) =>
      totalOf(profile, one),
    );
    expect(totals).toEqual([12, 1130, 2, 130]);
    expect(profile.samples.map(({ stack }) => stack[0]?.functionName).toSorted()).toEqual(["buy", "buy", "sell"]);
    expect(profile.startedAtMs + profile.durationMs).toBeLessThanOrEqual(Date.now());
  });
});

describe("a scan", () => {
  it("finds the objects that nothing leads to from the roots", () => {
    const [root, next, last, lost, lostToo] = [buy(64), buy(64), buy(64), buy(64), buy(64)];
    words()[root >>> 2] = next;
    // To the middle of an object is to the object.
    words()[(next >>> 2) + 15] = last + 40;
    words()[lost >>> 2] = lostToo;
    words()[lostToo >>> 2] = lost;
    expect(heap.scanForLeaks({ roots: [root] }).map(({ address }) => address)).toEqual(
      [lost, lostToo].toSorted((a, b) => a - b),
    );
    expect(heap.scanForLeaks({ roots: [root, lost] })).toEqual([]);
    expect(heap.scanForLeaks({ roots: [root], notLeaks: [lost] })).toEqual([]);
    expect(heap.scanForLeaks({ roots: [root], ignored: [lost] }).map(({ address }) => address)).toEqual([lostToo]);
  });

  it("begins at stretches of the buffer too", () => {
    const page = heap.pages.alloc(1);
    const held = buy(30);
    words()[(page >>> 2) + 7] = held;
    expect(heap.scanForLeaks({ roots: [] })).toHaveLength(1);
    expect(heap.scanForLeaks({ roots: [{ address: page, bytes: 4096 }] })).toEqual([]);
    expect(heap.scanForLeaks({ roots: [{ address: page, bytes: 28 }] })).toHaveLength(1);
    const beyond = { address: 4 * MIB - 4, bytes: 8 };
    expect(thrownBy(() => heap.scanForLeaks({ roots: [beyond] })).code).toBe("BAD_ARGUMENT");
  });

  it("takes no freed object for a live one, and prints what it finds as kmemleak does", () => {
    const [root, freed] = [buy(8), buy(8)];
    words()[root >>> 2] = freed;
    heap.free(freed);
    expect(heap.scanForLeaks({ roots: [root] })).toEqual([]);
    words()[root >>> 2] = 0;
    const lost = buy(40);
    heap.u8(lost).fill(0x41);
    const text = unreferencedText(heap, heap.scanForLeaks({ roots: [root] }));
    const [first, second, third, row] = text.split("\n");
    expect(first).toBe(`unreferenced object 0x${lost.toString(16)} (size 40):`);
    expect(second).toMatch(/^ {2}cache kmalloc-48, slot 0, age \d+ ms$/);
    expect(third).toBe("  hex dump (first 32 bytes):");
    expect(row).toMatch(/^ {4}[0-9a-f]{8}: (41 ){16} *A{16}$/);
    expect(text).toMatch(/\n {2}backtrace:\n {4}at buy /);
  });
});

describe("a scope", () => {
  it("tells at its end what was not freed in it, and nothing else", () => {
    const before = buy(16);
    {
      using scope = heap.scope("request");
      heap.free(before);
      heap.free(buy(100));
      const kept = sell(24);
      expect(scope.objects().map(({ address }) => address)).toEqual([kept]);
      expect(printed).toEqual([]);
    }
    expect(printed).toHaveLength(1);
    expect(printed[0]).toMatch(/^scope request: not freed at its end\nTop 1 stacks[\s\S]*24 bytes in 1 allocations/);
  });

  it("says nothing where all is freed, and of other threads' blocks", () => {
    const other = DebugHeap.attach(heap.reserve());
    {
      using scope = heap.scope();
      other.alloc(50);
      heap.free(buy(100));
      expect(scope.leaks()).toEqual([]);
    }
    expect(printed).toEqual([]);
  });

  it("ends once, and what is allocated later is no part of it", () => {
    const scope = heap.scope();
    const inside = buy(10);
    scope[Symbol.dispose]();
    sell(20);
    scope[Symbol.dispose]();
    expect(printed).toHaveLength(1);
    expect(scope.objects().map(({ address }) => address)).toEqual([inside]);
  });
});

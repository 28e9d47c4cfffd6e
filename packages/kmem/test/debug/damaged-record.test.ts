import { describe, expect, it } from "vitest";
import { RECORD_WORDS } from "../../src/debug/layout.ts";
import { checkHeap } from "../../src/index.ts";
import { Random } from "../support/random.ts";
import { Bench } from "./bench.ts";

/** Bytes from an object of 64 bytes to its record: a block of 64 and 72 more is one of 144. */
const RECORD_OFFSET = 80;

describe("a record that was overwritten", () => {
  it("is reported when its object is freed, and believed in nothing", () => {
    const random = new Random(1);
    const options = { debug: "FZU", zeroOnFree: true, quarantineCount: 20 };
    const bench = new Bench(options);
    const { heap } = bench;
    const neighbours = Array.from({ length: 40 }, () => heap.alloc(64));
    for (const address of neighbours) bench.bytes.fill(0x77, address, address + 64);
    for (let round = 0; round < 300; round++) {
      const object = heap.alloc(64);
      const word = object + RECORD_OFFSET + 4 * random.below(RECORD_WORDS);
      for (let byte = word; byte < word + 4; byte++) bench.bytes[byte] = random.below(256);
      heap.free(object);
      expect(bench.reports.splice(0).map(({ fix }) => fix)).toEqual(["Object padding made anew"]);
    }
    for (const address of neighbours) {
      expect(bench.bytes.subarray(address, address + 64).every((byte) => byte === 0x77)).toBe(true);
    }
    heap.trim();
    expect([checkHeap(heap).findings, bench.reports, bench.printed]).toEqual([[], [], []]);
  });

  it("is reported once where its object is free, when that leaves the quarantine", () => {
    const bench = new Bench();
    const { heap } = bench;
    const keeper = heap.alloc(64);
    const object = heap.alloc(64);
    heap.free(object);
    bench.bytes[object + RECORD_OFFSET + 5] ^= 1;
    heap.trim();
    expect(bench.reports.splice(0).map(({ fix }) => fix)).toEqual(["Object padding made anew"]);
    expect(checkHeap(heap).findings).toEqual([]);
    const others = Array.from({ length: 50 }, () => heap.alloc(64));
    expect(others).toContain(object);
    for (const address of [keeper, ...others]) heap.free(address);
    heap.trim();
    expect([checkHeap(heap).findings, bench.texts()]).toEqual([[], []]);
  });

  it("is reported by validate, which cannot know what it was", () => {
    const bench = new Bench();
    const object = bench.heap.alloc(64);
    bench.bytes[object + RECORD_OFFSET + 5] ^= 1;
    expect(bench.heap.validate()).toBe(1);
    const [report] = bench.reports.splice(0);
    expect(report?.reason).toMatch(/^Object padding overwritten in 0x/);
    expect(report?.fix).toBeUndefined();
    bench.heap.free(object);
    expect([bench.heap.validate(), bench.reports.map(({ fix }) => fix)]).toEqual([0, ["Object padding made anew"]]);
  });
});

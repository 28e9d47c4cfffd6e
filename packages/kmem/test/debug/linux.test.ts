import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { blockAt } from "../../src/index.ts";
import { __GFP_ZERO, GFP_KERNEL, type Linux, LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { Bench } from "./bench.ts";

describe("the Linux face over a debugged heap", () => {
  let bench: Bench;
  let log: LogRing;
  let calls: Linux;

  beforeEach(() => {
    bench = new Bench();
    log = new LogRing();
    calls = linux(bench.heap, log);
  });

  afterEach(() => {
    expect(calls.check().findings).toEqual([]);
    expect(bench.texts()).toEqual([]);
    expect(log.messages()).toEqual([]);
  });

  it("says the size of a cache's objects as it was asked for", () => {
    const cache = calls.kmem_cache_create("sized", 40, 0, 0, null, null);
    expect(calls.kmem_cache_size(cache)).toBe(40);
    expect(calls.ksize(calls.kmem_cache_alloc(cache, GFP_KERNEL))).toBe(40);
  });

  it("clears an object for __GFP_ZERO, and not what is around it", () => {
    const cache = calls.kmem_cache_create("zeroed", 40, 0, 0, null, null);
    const object = calls.kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO);
    expect([...bench.bytes.subarray(object, object + 40)]).toEqual(Array(40).fill(0));
    calls.kmem_cache_free(cache, object);
  });

  it("refuses __GFP_ZERO where the maker of the cache gave a constructor", () => {
    const cache = calls.kmem_cache_create("constructed", 40, 0, 0, () => undefined, null);
    expect(calls.kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO)).toBe(0);
    expect(log.messages()).toEqual(["kmem_cache_alloc: __GFP_ZERO, but the cache constructed has a constructor"]);
    log.clear();
  });

  it("knows a cache that another binding has made, with and without a constructor", () => {
    calls.kmem_cache_create("plain", 40, 0, 0, null, null);
    calls.kmem_cache_create("made", 40, 0, 0, () => undefined, null);
    const others = linux(bench.heap, log);
    for (const [name, ctor] of [["plain", null] as const, ["made", () => undefined] as const]) {
      const cache = others.kmem_cache_open(name, ctor);
      const object = others.kmem_cache_alloc(cache, GFP_KERNEL);
      expect(others.kmem_cache_size(cache)).toBe(40);
      others.kmem_cache_free(cache, object);
    }
  });

  it("reports what kmem_cache_free refuses, beside what Linux prints", () => {
    const [cache, other] = ["own", "other"].map((name) => calls.kmem_cache_create(name, 64, 0, 0, null, null));
    const object = calls.kmem_cache_alloc(cache, GFP_KERNEL);
    calls.kmem_cache_free(other, object);
    calls.kmem_cache_free(cache, object + 1);
    calls.kmem_cache_free(cache, object);
    calls.kmem_cache_free(cache, object);
    expect(bench.reports.splice(0).map(({ reason }) => reason)).toEqual([
      "Wrong slab cache. other but object is from own",
      `Invalid object pointer 0x${(object + 1).toString(16)}`,
      "Object already free",
    ]);
    expect(log.messages().map((line) => line.slice(0, 30))).toEqual([
      "kmem_cache_free: Wrong slab ca",
      "kmem_free: Bad obj addr (objp=",
      "kmem_free: Double free detecte",
    ]);
    log.clear();
  });

  it("frees an object whose record was overwritten, once that is reported", () => {
    const cache = calls.kmem_cache_create("damaged", 64, 0, 0, null, null);
    const object = calls.kmem_cache_alloc(cache, GFP_KERNEL);
    bench.bytes.fill(1, object + 80, object + 84);
    calls.kmem_cache_free(cache, object);
    expect(bench.texts().join("\n")).toContain("FIX damaged: Object padding made anew");
    expect(blockAt(bench.heap, object)?.live).toBe(false);
  });

  it("destroys a cache whose objects are all freed, though they lie in quarantine", () => {
    const cache = calls.kmem_cache_create("destroyed", 64, 0, 0, null, null);
    const [first, second] = [0, 1].map(() => calls.kmem_cache_alloc(cache, GFP_KERNEL));
    calls.kmem_cache_free(cache, first);
    expect(calls.kmem_cache_destroy(cache)).toBe(1);
    expect(log.messages()).toHaveLength(1);
    log.clear();
    calls.kmem_cache_free(cache, second);
    expect(calls.kmem_cache_destroy(cache)).toBe(0);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { type MetricsSource, OPEN_METRICS_MEDIA_TYPE, openMetricsText } from "../../src/profile/index.ts";
import { MIB } from "../support/memories.ts";
import { anyText } from "./profiles.ts";

interface Family {
  readonly type: string;
  readonly series: Map<string, number>;
}

const sampleLine = /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/s;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=[a-zA-Z_])|$)/g;

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_whole, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function labelsOf(text: string): [name: string, value: string][] {
  const found = [...text.matchAll(label)];
  expect(found.map(([whole]) => whole).join(""), "every label is read").toBe(text);
  return found.map(([, name, value]) => [name, unescaped(value)]);
}

/** Reads OpenMetrics text by the rules of its specification: a family is in one piece, a series is there once. */
function read(text: string): Map<string, Family> {
  const lines = text.split("\n");
  expect(lines.splice(-2)).toEqual(["# EOF", ""]);
  const families = new Map<string, Family>();
  let current = "";
  for (const line of lines) {
    const [, keyword, name, rest] = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "TYPE") {
      expect(families.has(name), name).toBe(false);
      families.set(name, { type: rest, series: new Map() });
      current = name;
    } else if (keyword !== undefined) {
      expect(name).toBe(current);
      if (keyword === "UNIT") expect(name.endsWith(`_${rest}`), name).toBe(true);
    } else {
      const { name: sample, labels = "", value } = sampleLine.exec(line)?.groups ?? {};
      const family = families.get(current);
      expect(sample, line).toBe(family?.type === "counter" ? `${current}_total` : current);
      const key = JSON.stringify(labelsOf(labels).sort());
      expect(family?.series.has(key), line).toBe(false);
      family?.series.set(key, Number(value));
    }
  }
  return families;
}

const heap = Heap.create({ sizeBytes: 2 * MIB, shared: false });
heap.createCache({ name: 'odd "name" \\', sizeBytes: 600 }).alloc();
for (let size = 1; size < 40_000; size *= 2) heap.alloc(size);

describe("OpenMetrics text of a heap", () => {
  const stats = heapStats(heap);
  const families = read(openMetricsText(stats));
  const value = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
    families.get(name)?.series.get(JSON.stringify(Object.entries(labels).sort()));
  const sum = (name: string): number => [...(families.get(name)?.series.values() ?? [])].reduce((a, b) => a + b, 0);

  it("says where every byte is", () => {
    expect(value("kmem_memory_bytes")).toBe(2 * MIB);
    expect(sum("kmem_bytes")).toBe(2 * MIB);
    expect(value("kmem_bytes", { part: "live_slab" })).toBe(stats.bytes.liveSlabBytes);
    expect(families.get("kmem_bytes")?.series.size).toBe(Object.keys(stats.bytes).length - 1);
    expect(value("kmem_footprint_bytes")).toBe(stats.footprintBytes);
    expect(value("kmem_foreign_bytes")).toBe(0);
    expect(openMetricsText({ ...stats, foreignBytes: 8192 })).toContain("\nkmem_foreign_bytes 8192\n");
  });

  it("has the figures of zones, caches and threads", () => {
    expect(value("kmem_live_blocks")).toBe(stats.liveBlocks);
    expect(value("kmem_held_slots")).toBe(1);
    expect(sum("kmem_zone_free_pages")).toBe(stats.zones.reduce((pages, zone) => pages + zone.freePages, 0));
    expect(value("kmem_cache_live_blocks", { cache: 'odd "name" \\' })).toBe(1);
    expect(families.get("kmem_cache_slabs")?.series.size).toBe(stats.caches.length);
  });

  it("has counts that only grow as counters", () => {
    expect(families.get("kmem_late_double_frees")).toMatchObject({ type: "counter" });
    expect(value("kmem_late_double_frees")).toBe(0);
  });

  it("is served as what it is", () => {
    expect(OPEN_METRICS_MEDIA_TYPE).toContain("application/openmetrics-text");
  });

  it.each(["", "1st", "a-b", "__name__", "part", "cache", "zone"])("refuses a label named %j", (name) => {
    expect(() => openMetricsText(stats, { labels: { [name]: "x" } })).toThrow(
      expect.objectContaining({ name: "KmemError", code: "BAD_ARGUMENT" }),
    );
  });

  it("keeps any values of labels and any names of caches", () => {
    const cacheNames = fc.uniqueArray(anyText, { maxLength: 4, selector: (name) => name.toWellFormed() });
    fc.assert(
      fc.property(anyText, cacheNames, (heapName, names) => {
        const caches = names.map((name, index) => ({ name, blockBytes: 16, slabs: 1, liveBlocks: index }));
        const source: MetricsSource = { ...stats, caches };
        const labelled = read(openMetricsText(source, { labels: { heap: heapName } }));
        const series = labelled.get("kmem_cache_live_blocks")?.series;
        const keyOf = (name: string): string =>
          JSON.stringify([
            ["cache", name.toWellFormed()],
            ["heap", heapName.toWellFormed()],
          ]);
        expect(series).toEqual(new Map(names.map((name, index) => [keyOf(name), index])));
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});

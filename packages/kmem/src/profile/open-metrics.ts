import { badArgument, type Checks, reading, readOptions, requireText } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";

/** The parts that the bytes of a heap are made of, as `heapStats(heap).bytes` names them. */
export type BytePart =
  | "metadataBytes"
  | "liveSlabBytes"
  | "sheafBytes"
  | "barnBytes"
  | "freeSlabBytes"
  | "slabTailBytes"
  | "blockRunBytes"
  | "pageRunBytes"
  | "slotBytes"
  | "pcpBytes"
  | "bucketBytes"
  | "vmallocBytes"
  | "freePageBytes";

/** The same, by the name that the metric gives a part. */
const BYTE_PARTS: Readonly<Record<string, BytePart>> = {
  metadata: "metadataBytes",
  live_slab: "liveSlabBytes",
  sheaf: "sheafBytes",
  barn: "barnBytes",
  free_slab: "freeSlabBytes",
  slab_tail: "slabTailBytes",
  block_run: "blockRunBytes",
  page_run: "pageRunBytes",
  slot: "slotBytes",
  pcp: "pcpBytes",
  bucket: "bucketBytes",
  vmalloc: "vmallocBytes",
  free_page: "freePageBytes",
};

/** What the metrics are made of: `heapStats(heap)` has it all. */
export interface MetricsSource {
  /** Blocks that are allocated. */
  readonly liveBlocks: number;
  /** Slots that threads hold. */
  readonly heldSlots: number;
  /** Double frees that were found late. */
  readonly lateDoubleFrees: number;
  /** Bytes that the heap occupies. */
  readonly footprintBytes: number;
  /** Bytes within the heap's extent that others have added to the memory. */
  readonly foreignBytes: number;
  /** What the heap's bytes are used for, and their sum. */
  readonly bytes: Readonly<Record<BytePart, number>> & { readonly totalBytes: number };
  /** The zones: pages, and how many of them are free. */
  readonly zones: readonly { readonly name: string; readonly pages: number; readonly freePages: number }[];
  /** Caches that have slabs. */
  readonly caches: readonly {
    readonly name: string;
    readonly blockBytes: number;
    readonly slabs: number;
    readonly liveBlocks: number;
  }[];
}

/** How {@link openMetricsText} is wanted. */
export interface MetricsOptions {
  /** Labels that every line gets, for instance the name of the heap. */
  readonly labels?: Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

/** One figure with the labels that tell it from the others of its metric. */
type Line = readonly [labels: Labels, value: number];

const METRICS_CHECKS: Checks<MetricsOptions> = {
  labels: (name, value) => {
    if (typeof value !== "object" || value === null) throw badArgument(name, "an object", value);
  },
};

/** The media type that a server sends with {@link openMetricsText}. */
export const OPEN_METRICS_MEDIA_TYPE: string = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const OWN_LABELS: readonly string[] = ["part", "zone", "cache"];

/**
 * The figures of a heap as OpenMetrics text, which Prometheus and Grafana's agents read. The series of `kmem_bytes`
 * add up to `kmem_memory_bytes`. Throws `BAD_ARGUMENT` for a label whose name the format does not allow, or that the
 * metrics have themselves: `part`, `zone`, `cache`. O(caches).
 */
export function openMetricsText(stats: MetricsSource, options: MetricsOptions = {}): string {
  const given = readOptions("options", options, METRICS_CHECKS).labels ?? {};
  const labels = reading("labels", given, () => ({ ...given }));
  for (const [name, value] of Object.entries(labels)) requireLabel(name, value);
  return reading("stats", stats, () => textOfMetrics(stats, labels));
}

function textOfMetrics(stats: MetricsSource, labels: Labels): string {
  const { bytes, zones, caches } = stats;
  const gauge = (name: string, help: string, lines: readonly Line[], unit = ""): string =>
    metricText({ name: `kmem_${name}`, type: "gauge", help, unit }, withLabels(labels, lines));
  const one = (value: number): readonly Line[] => [[{}, value]];
  return [
    gauge("memory_bytes", "The whole memory of the heap.", one(bytes.totalBytes), "bytes"),
    gauge("footprint_bytes", "What the heap occupies.", one(stats.footprintBytes), "bytes"),
    gauge("foreign_bytes", "What others have added to the memory within the heap.", one(stats.foreignBytes), "bytes"),
    gauge("bytes", "Where the bytes of the memory are.", byteLines(bytes), "bytes"),
    gauge("live_blocks", "Blocks that have not been freed.", one(stats.liveBlocks)),
    gauge("held_slots", "Slots that threads hold.", one(stats.heldSlots)),
    metricText(
      { name: "kmem_late_double_frees", type: "counter", help: "Double frees that were found late.", unit: "" },
      withLabels(labels, one(stats.lateDoubleFrees)),
    ),
    gauge("zone_pages", "Pages of a zone.", linesOf("zone", zones, "pages")),
    gauge("zone_free_pages", "Free pages of a zone.", linesOf("zone", zones, "freePages")),
    gauge("cache_live_blocks", "Blocks of a cache that live.", linesOf("cache", caches, "liveBlocks")),
    gauge("cache_block_bytes", "The size of a cache's blocks.", linesOf("cache", caches, "blockBytes"), "bytes"),
    gauge("cache_slabs", "Slabs of a cache.", linesOf("cache", caches, "slabs")),
    "# EOF\n",
  ].join("");
}

function byteLines(bytes: MetricsSource["bytes"]): Line[] {
  return Object.entries(BYTE_PARTS).map(([part, field]) => [{ part }, bytes[field]]);
}

function linesOf<Figure extends string>(
  label: string,
  rows: readonly (Readonly<Record<Figure, number>> & { readonly name: string })[],
  figure: Figure,
): Line[] {
  return rows.map((row) => [{ [label]: row.name }, row[figure]]);
}

function withLabels(labels: Labels, lines: readonly Line[]): Line[] {
  return lines.map(([own, value]) => [{ ...labels, ...own }, value]);
}

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  /** The last word of the name where that is a unit, or empty. */
  readonly unit: string;
}

function metricText({ name, type, help, unit }: Metric, lines: readonly Line[]): string {
  const sampleName = type === "counter" ? `${name}_total` : name;
  return [
    `# TYPE ${name} ${type}\n`,
    unit === "" ? "" : `# UNIT ${name} ${unit}\n`,
    `# HELP ${name} ${help}\n`,
    ...lines.map(([labels, value]) => `${sampleName}${labelsText(labels)} ${value}\n`),
  ].join("");
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function requireLabel(name: string, value: unknown): void {
  requireText(name, value);
  if (LABEL_NAME.test(name) && !OWN_LABELS.includes(name) && !name.startsWith("__")) return;
  throw new KmemError("BAD_ARGUMENT", `"${name}" cannot be the name of a label`, { name });
}

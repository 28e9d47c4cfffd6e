import { geometricMean } from "../report/statistics.ts";
import { formatBytes, formatPercent, threeDigits } from "../report/units.ts";
import type { MemoryResult, OwnFigures } from "./measure-jobs.ts";
import type { Cells } from "./output.ts";
import type { TraceMeasure } from "./run-measures.ts";

/** A workload whose live bytes never reach this is a few pages. */
const LARGE_BYTES = 1_000_000;
/** Own accounting and resident memory should agree so far, of large workloads. */
const AGREEMENT_PERCENT = 5;
const PERCENT = 100;
const NOTHING = "–";

type Measure = TraceMeasure<MemoryResult>;

/** Every figure, for the CSV file. */
export function memoryRows(measures: readonly Measure[]): Cells {
  const header = [
    "workload",
    "allocator",
    "operations",
    "failures",
    "peak_live_bytes",
    "resident_of",
    "resident_peak_bytes",
    "resident_freed_bytes",
    "resident_trimmed_bytes",
    "trimmed_by",
    "own_initial_bytes",
    "own_peak_bytes",
    "own_freed_bytes",
    "own_trimmed_bytes",
    "usable_at_peak_bytes",
    ...PART_NAMES.map((name) => `${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_at_peak`),
    "tables_bytes_at_peak",
  ];
  const rows = measures.map(({ workload, allocator, result }) => [
    workload,
    allocator,
    result?.opCount ?? "",
    result?.failureCount ?? "",
    result?.peakLiveBytes ?? "",
    result?.resident?.scope ?? "",
    result?.resident?.peakBytes ?? "",
    result?.resident?.freedBytes ?? "",
    result?.resident?.trimmedBytes ?? "",
    result?.resident?.trimmedBy ?? "",
    result?.own?.initialBytes ?? "",
    result?.own?.peakBytes ?? "",
    result?.own?.freedBytes ?? "",
    result?.own?.trimmedBytes ?? "",
    result?.own?.usableAtPeakBytes ?? "",
    ...PART_NAMES.map((name) => result?.own?.parts?.[name] ?? ""),
    result?.own === undefined ? "" : (tablesAtPeak(result.own) ?? ""),
  ]);
  return [header, ...rows];
}

/** Parts of a heap's bytes that are neither blocks nor free pages nor tables. */
const PART_NAMES: readonly string[] = [
  "sheafBytes",
  "barnBytes",
  "freeSlabBytes",
  "slabTailBytes",
  "slotBytes",
  "pageCacheBytes",
  "bucketBytes",
  "vmallocBytes",
];

/** What of the footprint at its peak is neither a block nor any of the parts: header, tables of frames, tags. */
export function tablesAtPeak({ peakBytes, usableAtPeakBytes, parts }: OwnFigures): number | undefined {
  if (parts === undefined) return undefined;
  return PART_NAMES.reduce((left, name) => left - (parts[name] ?? 0), peakBytes - usableAtPeakBytes);
}

/** Resident memory at peak over live bytes at peak, by allocator, with geometric means. */
export function residentTable(measures: readonly Measure[]): Cells {
  const allocators = [...new Set(measures.map(({ allocator }) => allocator))];
  const workloads = [...new Set(measures.map(({ workload }) => workload))];
  const resultOf = (workload: string, allocator: string): MemoryResult | undefined =>
    measures.find((measure) => measure.workload === workload && measure.allocator === allocator)?.result;
  const liveOf = (workload: string): number =>
    measures.find((measure) => measure.workload === workload && measure.result !== undefined)?.result?.peakLiveBytes ??
    0;
  const ratio = (result: MemoryResult | undefined): number | undefined =>
    result?.resident === undefined ? undefined : result.resident.peakBytes / result.peakLiveBytes;
  const mean = (of: readonly string[]) =>
    allocators.map((allocator) => {
      // A gap would make it the mean of something else than its neighbours.
      const ratios = of.flatMap((workload) => ratio(resultOf(workload, allocator)) ?? []);
      return `**${ratios.length === of.length ? show(geometricMean(ratios)) : NOTHING}**`;
    });
  const large = workloads.filter((workload) => liveOf(workload) >= LARGE_BYTES);
  return [
    ["resident / live bytes, at peak", "live at peak", ...allocators],
    ...workloads.map((workload) => [
      workload,
      formatBytes(liveOf(workload)),
      ...allocators.map((allocator) => show(ratio(resultOf(workload, allocator)))),
    ]),
    ["**geometric mean, 1 MB live and more**", "", ...mean(large)],
    ["**geometric mean, all**", "", ...mean(workloads)],
  ];
}

/** How far the resident memory exceeds the contender's own accounting, both above their start; undefined: unknown. */
export function disagreementPercent({ resident, own }: MemoryResult): number | undefined {
  if (resident === undefined || own === undefined) return undefined;
  const ownBytes = own.peakBytes - own.initialBytes;
  return ownBytes === 0 ? undefined : ((resident.peakBytes - ownBytes) * PERCENT) / ownBytes;
}

/** Whether own accounting and resident memory agree as they should; small workloads and unknown ones always do. */
export function isInAgreement(result: MemoryResult): boolean {
  const percent = disagreementPercent(result);
  return result.peakLiveBytes < LARGE_BYTES || percent === undefined || Math.abs(percent) <= AGREEMENT_PERCENT;
}

/** An allocator's own accounting: against resident memory, what is no block, and what is left when all is freed. */
export function ownTable(measures: readonly Measure[], allocator: string): Cells {
  const header = ["own accounting", "peak above initial", "resident above it", "agrees", "no block, at peak", "share"];
  const rest = ["of it tables", "sheaves and barns", "free in slabs", "initial", "after free", "after trim"];
  const rows = measures.flatMap((measure) => {
    const { workload, result } = measure;
    if (measure.allocator !== allocator || result?.own === undefined) return [];
    return [[workload, ...agreementCells(result), ...shareCells(result.own), ...freedCells(result.own)]];
  });
  return [[...header, ...rest], ...rows];
}

function agreementCells(result: MemoryResult): string[] {
  const percent = disagreementPercent(result);
  const { peakBytes, initialBytes } = result.own!;
  const isLarge = result.peakLiveBytes >= LARGE_BYTES;
  const verdict = isInAgreement(result) ? "yes" : "**no**";
  return [
    formatBytes(peakBytes - initialBytes),
    percent === undefined ? NOTHING : formatPercent(percent),
    percent === undefined || !isLarge ? NOTHING : verdict,
  ];
}

function shareCells(own: OwnFigures): string[] {
  const otherBytes = own.peakBytes - own.usableAtPeakBytes;
  const tables = tablesAtPeak(own);
  const part = (...names: readonly string[]): string =>
    own.parts === undefined ? NOTHING : formatBytes(names.reduce((sum, name) => sum + (own.parts?.[name] ?? 0), 0));
  return [
    formatBytes(otherBytes),
    formatPercent((otherBytes * PERCENT) / own.peakBytes),
    tables === undefined ? NOTHING : formatBytes(tables),
    part("sheafBytes", "barnBytes"),
    part("freeSlabBytes", "slabTailBytes"),
  ];
}

function freedCells({ initialBytes, freedBytes, trimmedBytes }: OwnFigures): string[] {
  const trimmed = formatBytes(trimmedBytes);
  return [
    formatBytes(initialBytes),
    formatBytes(freedBytes),
    trimmedBytes === initialBytes ? trimmed : `**${trimmed}**`,
  ];
}

/** What stays resident when all is freed, after and before the allocator was asked to give back. */
export function leftOverTable(measures: readonly Measure[]): Cells {
  const allocators = [...new Set(measures.map(({ allocator }) => allocator))];
  const workloads = [...new Set(measures.map(({ workload }) => workload))];
  const cell = (workload: string, allocator: string): string => {
    const measure = measures.find((one) => one.workload === workload && one.allocator === allocator);
    const resident = measure?.result?.resident;
    return resident === undefined
      ? NOTHING
      : `${formatBytes(resident.freedBytes)} → ${formatBytes(resident.trimmedBytes)}`;
  };
  return [
    ["resident when all is freed → given back", ...allocators],
    ...workloads.map((workload) => [workload, ...allocators.map((allocator) => cell(workload, allocator))]),
  ];
}

function show(value: number | undefined): string {
  return value === undefined ? NOTHING : threeDigits(value);
}

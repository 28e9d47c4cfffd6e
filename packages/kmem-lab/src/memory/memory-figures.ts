import { geometricMean } from "kmem-cli/internal/system/statistics";
import { formatBytes, formatPercent, threeDigits } from "kmem-cli/internal/system/units";
import type { Cells } from "../figures/csv.ts";
import { type Columns, CUT_MARK } from "../figures/measured.ts";
import type { MemoryResult, OwnFigures } from "./measure-jobs.ts";
import type { TraceMeasure } from "./run-measures.ts";

/** A workload whose live bytes never reach this is a few pages. */
const LARGE_BYTES = 1_000_000;
/** Own accounting and resident memory should agree so far, of large workloads. */
const AGREEMENT_PERCENT = 5;
const PERCENT = 100;
const SHARE_DIGITS = 4;
const NOTHING = "–";
/** The means below the workloads: of unlike loads they would say nothing. */
const MEAN_ROWS = 2;

type Measure = TraceMeasure<MemoryResult>;

/** Every figure, for the CSV file. */
export function memoryRows(measures: readonly Measure[]): Cells {
  const header = [
    "workload",
    "allocator",
    "operations",
    "covered_share",
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
    result === undefined ? "" : (result.coveredShare ?? 1).toFixed(isCut(result) ? SHARE_DIGITS : 0),
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
  "pcpBytes",
  "bucketBytes",
  "vmallocBytes",
];

/** What of the footprint at its peak is neither a block nor any of the parts: header, tables of frames, tags. */
export function tablesAtPeak({ peakBytes, usableAtPeakBytes, parts }: OwnFigures): number | undefined {
  if (parts === undefined) return undefined;
  return PART_NAMES.reduce((left, name) => left - (parts[name] ?? 0), peakBytes - usableAtPeakBytes);
}

/** A column of the table of resident memory: an allocator, and the figure of it. */
interface Column {
  readonly title: string;
  readonly allocator: string;
  readonly bytes: (result: MemoryResult) => number | undefined;
}

function residentPeak({ resident }: MemoryResult): number | undefined {
  return resident?.peakBytes;
}

function ownPeak({ own }: MemoryResult): number | undefined {
  return own === undefined ? undefined : own.peakBytes - own.initialBytes;
}

/**
 * Memory at peak over live bytes at peak, with geometric means: resident memory of each of these allocators, and for
 * one of them, where it is named, its own accounting in a column of its own. Both are above what there was at first.
 */
export function residentTable(measures: readonly Measure[], names: Columns, ownName?: string): Cells {
  const columns = names.flatMap((allocator): Column[] => {
    const resident = { title: allocator, allocator, bytes: residentPeak };
    const own = { title: `${allocator}, own accounting`, allocator, bytes: ownPeak };
    return allocator === ownName ? [resident, own] : [resident];
  });
  const workloads = workloadsOf(measures);
  const whole = measures.filter(({ result }) => result !== undefined && !isCut(result));
  const liveOf = (workload: string): number =>
    whole.find((measure) => measure.workload === workload)?.result?.peakLiveBytes ?? 0;
  const ratio = (workload: string, { allocator, bytes }: Column): number | undefined => {
    const result = resultOf(measures, workload, allocator);
    const peakBytes = result === undefined ? undefined : bytes(result);
    return peakBytes === undefined ? undefined : peakBytes / result!.peakLiveBytes;
  };
  const cell = (workload: string, column: Column): string => {
    const result = resultOf(measures, workload, column.allocator);
    return show(ratio(workload, column)) + (result !== undefined && isCut(result) ? CUT_MARK : "");
  };
  const mean = (of: readonly string[]) =>
    columns.map((column) => {
      // A gap, or a part only, would make it the mean of something else than its neighbours.
      const ratios = of.flatMap((workload) =>
        whole.includes(measureOf(measures, workload, column.allocator)!) ? (ratio(workload, column) ?? []) : [],
      );
      return `**${ratios.length === of.length ? show(geometricMean(ratios)) : NOTHING}**`;
    });
  const large = workloads.filter((workload) => liveOf(workload) >= LARGE_BYTES);
  return [
    ["footprint / live bytes, at peak", "live at peak", ...columns.map(({ title }) => title)],
    ...workloads.map((workload) => [
      workload,
      formatBytes(liveOf(workload)),
      ...columns.map((column) => cell(workload, column)),
    ]),
    ["**geometric mean, 1 MB live and more**", "", ...mean(large)],
    ["**geometric mean, all**", "", ...mean(workloads)],
  ];
}

/** Memory at peak over live bytes at peak, loads down, allocators across: resident memory of each. */
export function loadResidentTable(measures: readonly Measure[], names: Columns): Cells {
  const [header = [], ...rows] = residentTable(measures, names);
  return [header, ...rows.slice(0, -MEAN_ROWS)];
}

function isCut({ coveredShare = 1 }: MemoryResult): boolean {
  return coveredShare < 1;
}

function workloadsOf(measures: readonly Measure[]): string[] {
  return [...new Set(measures.map(({ workload }) => workload))];
}

function measureOf(measures: readonly Measure[], workload: string, allocator: string): Measure | undefined {
  return measures.find((measure) => measure.workload === workload && measure.allocator === allocator);
}

function resultOf(measures: readonly Measure[], workload: string, allocator: string): MemoryResult | undefined {
  return measureOf(measures, workload, allocator)?.result;
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
  const trimmed = bytesText(trimmedBytes);
  return [
    formatBytes(initialBytes),
    bytesText(freedBytes),
    trimmedBytes === undefined || trimmedBytes === initialBytes ? trimmed : `**${trimmed}**`,
  ];
}

/** What stays resident when all is freed, after and before the allocator was asked to give back. */
export function leftOverTable(measures: readonly Measure[], names: Columns): Cells {
  const cell = (workload: string, allocator: string): string => {
    const resident = resultOf(measures, workload, allocator)?.resident;
    return resident?.freedBytes === undefined
      ? NOTHING
      : `${bytesText(resident.freedBytes)} → ${bytesText(resident.trimmedBytes)}`;
  };
  return [
    ["resident when all is freed → given back", ...names],
    ...workloadsOf(measures).map((workload) => [workload, ...names.map((allocator) => cell(workload, allocator))]),
  ];
}

function bytesText(bytes: number | undefined): string {
  return bytes === undefined ? NOTHING : formatBytes(bytes);
}

function show(value: number | undefined): string {
  return value === undefined ? NOTHING : threeDigits(value);
}

import type { AllocatorResult, WorkloadReport } from "../replay/report.ts";
import { formatBytes, formatCount, formatPercent, threeDigits } from "../system/units.ts";
import { type Bar, bars, clippedLines, colourClasses, type Line, timeline } from "./charts.ts";
import type { CompareReport } from "./compare-report.ts";
import {
  type Cell,
  escaped,
  type FigureSource,
  figureCell,
  head,
  headFigure,
  type Step,
  tableMarkup,
} from "./markup.ts";

const PERCENT = 100;

/** What the parts of a page are made from. */
export interface PageContext {
  readonly report: CompareReport;
  readonly source: FigureSource;
}

/** The number of an allocator's colour: it has the same one everywhere. */
function colourOf({ report }: PageContext, allocator: string): number {
  return report.allocators.findIndex(({ name }) => name === allocator);
}

const nanoseconds = (ns: number): string => `${threeDigits(ns)} ns`;

/** A workload: its table, then pictures of memory over time, time and memory at the peak, and fragmentation. */
export function workloadSection(context: PageContext, way: readonly Step[], id: string, name: string): string {
  const workload = context.source.at(way) as WorkloadReport;
  return [
    resultsTable(context, way, workload, name),
    ...brokenTexts(workload),
    memoryFigure(context, way, workload, id, name),
    `<div class="pair">${timeFigure(context, workload, id, name)}${peakFigure(context, workload, id, name)}</div>`,
    fragmentationTable(context, way, workload, name),
  ].join("\n");
}

function resultsTable({ source }: PageContext, way: readonly Step[], workload: WorkloadReport, name: string): string {
  const { results } = workload;
  const isTimed = results.some(({ time }) => time !== undefined);
  const isLimited = results.some(({ limited }) => limited !== undefined);
  const isFitted = results.some(({ fit }) => fit !== undefined);
  const best = {
    time: leastOf(results, ({ time }) => time?.medianNsPerOp),
    footprint: leastOf(results, ({ memory }) => memory?.peakFootprintBytes),
    fit: leastOf(results, ({ fit }) => fit?.fitBytes),
  };
  const look = (isBest: boolean): string | undefined => (isBest ? "best" : undefined);
  const rows = results.map((result, index): Cell[] => {
    const figure = (steps: readonly Step[], format: (value: number) => string): string =>
      source.figure([...way, "results", index, ...steps], format);
    const cut = (share: number | undefined): string => (share === undefined ? "" : "*");
    const { time, memory } = result;
    return [
      head(result.allocator),
      ...(isTimed
        ? [
            figureCell(
              figure(["time", "medianNsPerOp"], threeDigits) + cut(time?.coveredShare),
              look(best.time === result),
            ),
            figureCell(`${figure(["time", "minNsPerOp"], threeDigits)}–${figure(["time", "maxNsPerOp"], threeDigits)}`),
          ]
        : []),
      figureCell(figure(["memory", "allocatedBytes"], formatBytes)),
      figureCell(figure(["memory", "internalFragmentationPercent"], formatPercent)),
      figureCell(
        figure(["memory", "peakFootprintBytes"], formatBytes) + cut(memory?.coveredShare),
        look(best.footprint === result && memory?.coveredShare === undefined),
      ),
      figureCell(figure(["memory", "overheadAtPeakPercent"], formatPercent)),
      figureCell(figure(["memory", "failureCount"], formatCount), (memory?.failureCount ?? 0) > 0 ? "bad" : undefined),
      ...(isLimited
        ? [
            figureCell(
              figure(["limited", "failureCount"], formatCount),
              (result.limited?.failureCount ?? 0) > 0 ? "bad" : undefined,
            ),
          ]
        : []),
      ...(isFitted ? [figureCell(figure(["fit", "fitBytes"], formatBytes), look(best.fit === result))] : []),
    ];
  });
  const heads = [
    head("allocator"),
    ...(isTimed ? [headFigure("ns an operation"), headFigure("min–max")] : []),
    ...["allocated", "internal fragmentation", "peak footprint", "overhead at peak", "failed"].map(headFigure),
    ...(isLimited
      ? [headFigure(`failed in ${formatBytes(results.find(({ limited }) => limited)!.limited!.memoryBytes)}`)]
      : []),
    ...(isFitted ? [headFigure("smallest memory")] : []),
  ];
  const live = [...way, "live"];
  const [ops, requested, most, blocks] = [
    source.figure([...way, "opCount"], formatCount),
    source.figure([...live, "requestedBytes"], formatBytes),
    source.figure([...live, "peakLiveBytes"], formatBytes),
    source.figure([...live, "peakLiveBlockCount"], formatCount),
  ];
  const asked = `${ops} operations ask for ${requested}; at most ${most} in ${blocks} blocks are live.`;
  return `<p>${asked}</p>\n${tableMarkup({ caption: `${name}: allocators`, head: heads, rows })}\n${cutText(results)}`;
}

function leastOf(
  results: readonly AllocatorResult[],
  value: (result: AllocatorResult) => number | undefined,
): AllocatorResult | undefined {
  const known = results.filter((result) => value(result) !== undefined);
  return known.length < 2 ? undefined : known.toSorted((a, b) => value(a)! - value(b)!)[0];
}

function cutText(results: readonly AllocatorResult[]): string {
  const isCut = results.some(
    ({ time, memory }) => time?.coveredShare !== undefined || memory?.coveredShare !== undefined,
  );
  return isCut ? '<p class="quiet">* It ran out of time: the figure is of the first operations only.</p>' : "";
}

function brokenTexts({ results }: WorkloadReport): string[] {
  return results.flatMap(({ allocator, error, fit }) => [
    ...(error === undefined ? [] : [`<p class="warning">${escaped(`${allocator} broke: ${error}`)}</p>`]),
    ...(fit?.problem === undefined
      ? []
      : [`<p class="quiet">${escaped(`${allocator} has no smallest memory: ${fit.problem}`)}</p>`]),
  ]);
}

function memoryFigure(
  context: PageContext,
  way: readonly Step[],
  workload: WorkloadReport,
  id: string,
  name: string,
): string {
  const sampled = workload.results.filter(({ memory }) => (memory?.samples?.footprintBytes.length ?? 0) > 0);
  const longest = sampled.toSorted(
    (a, b) => b.memory!.samples!.liveBytes.length - a.memory!.samples!.liveBytes.length,
  )[0]?.memory?.samples;
  if (longest === undefined) return "";
  const lines = sampled.map(
    ({ allocator, memory }): Line => ({
      name: allocator,
      colour: colourOf(context, allocator),
      values: memory!.samples!.footprintBytes,
    }),
  );
  const data = { opsPerSample: longest.opsPerSample, opCount: workload.opCount, live: longest.liveBytes, lines };
  const text = {
    id: `${id}-memory`,
    title: `${name}: memory over the workload`,
    description: `What is live as an area, and the memory in use as a line for each allocator: ${lines.map((line) => line.name).join(", ")}.`,
  };
  const beyond = clippedLines(data).map((line) => {
    const index = workload.results.findIndex(({ allocator }) => allocator === line.name);
    const place = [...way, "results", index, "memory", "peakFootprintBytes"];
    return `${escaped(line.name)} to ${context.source.figure(place, formatBytes)}`;
  });
  const caption = [
    "Memory in use, with what is live as requested in grey below it: the most in each of so many equal parts.",
    ...(beyond.length === 0 ? [] : [`Beyond the top: ${beyond.join(", ")}.`]),
  ].join(" ");
  const legend = lines.map(
    ({ name: allocator, colour }) =>
      `<li><svg viewBox="0 0 26 10" aria-hidden="true"><path class="line ${colourClasses(colour)}" d="M0 5H26"/></svg>${escaped(allocator)}</li>`,
  );
  return `<h4>Memory over the workload</h4>
<figure>${timeline(text, data)}<ul class="legend">${legend.join("")}</ul>
<figcaption>${caption}</figcaption></figure>`;
}

function timeFigure(context: PageContext, workload: WorkloadReport, id: string, name: string): string {
  const timed = workload.results.flatMap(({ allocator, time }): Bar[] => {
    if (time === undefined) return [];
    const { medianNsPerOp: value, minNsPerOp: low, maxNsPerOp: high } = time;
    return [{ name: allocator, colour: colourOf(context, allocator), value, low, high, text: nanoseconds(value) }];
  });
  if (timed.length === 0) return "";
  const text = {
    id: `${id}-time`,
    title: `${name}: time of an operation`,
    description: timed.map((bar) => `${bar.name}: ${bar.text}`).join("; "),
  };
  return `<div><h4>Time of an operation</h4>
<figure>${bars(text, timed)}
<figcaption>The median of the runs, with the fastest and the slowest.</figcaption></figure></div>`;
}

function peakFigure(context: PageContext, workload: WorkloadReport, id: string, name: string): string {
  const known = workload.results.flatMap(({ allocator, memory, fit }): Bar[] => {
    if (memory === undefined) return [];
    const bar = {
      name: allocator,
      colour: colourOf(context, allocator),
      value: memory.peakFootprintBytes,
      text: formatBytes(memory.peakFootprintBytes),
    };
    return [fit?.fitBytes === undefined ? bar : { ...bar, mark: fit.fitBytes }];
  });
  if (known.length === 0) return "";
  const text = {
    id: `${id}-peak`,
    title: `${name}: peak footprint`,
    description: known.map((bar) => `${bar.name}: ${bar.text}`).join("; "),
  };
  const marked = known.some(({ mark }) => mark !== undefined)
    ? "; the upright stroke is the smallest memory that will do"
    : "";
  return `<div><h4>Peak footprint</h4>
<figure>${bars(text, known)}<figcaption>The most memory in use at a time${marked}.</figcaption></figure></div>`;
}

/** The unusable free space index by order, in the smallest memory that will do. */
function fragmentationTable(
  { source }: PageContext,
  way: readonly Step[],
  workload: WorkloadReport,
  name: string,
): string {
  const known = workload.results.flatMap(({ allocator, fit }, index) =>
    fit?.unusable === undefined ? [] : [{ allocator, index, unusable: fit.unusable }],
  );
  const [first] = known;
  if (first === undefined) return "";
  const orders = first.unusable.mean.map((_, order) => order);
  const percent = (share: number): string => `${Math.round(share * PERCENT)} %`;
  const rows = known.map(({ allocator, index, unusable }): Cell[] => [
    head(allocator),
    ...orders.map((order): Cell => {
      const from = [...way, "results", index, "fit", "unusable", "mean", order];
      const shade = `background: rgba(var(--shade), ${(Math.min(1, unusable.mean[order] ?? 0) * 0.3).toFixed(2)})`;
      return { ...figureCell(source.figure(from, percent)), style: shade };
    }),
  ]);
  const table = tableMarkup({
    caption: `${name}: share of the free pages that an allocation cannot use, by order`,
    head: [head("allocator"), ...orders.map((order) => headFigure(`2^${order}`))],
    rows,
  });
  return `<h4>External fragmentation</h4>
<p class="quiet">Linux’s unusable free space index, on average over the workload, in the smallest memory that will do:
there, what is fragmented counts. Only kmem’s heaps have free blocks of pages by order.</p>
${table}`;
}

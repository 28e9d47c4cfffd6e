import { formatBytes, formatCount, threeDigits } from "../system/units.ts";
import { histogram } from "./charts.ts";
import type { CompareTrace, FamilyProfile, GroupRow, TraceProfile } from "./compare-report.ts";
import { type Cell, escaped, figureCell, head, headFigure, type Step, tableMarkup } from "./markup.ts";
import { type PageContext, workloadSection } from "./workload-section.ts";

const FRAMES_SHOWN = 4;
const TIME_UNITS = [
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
] as const;
const GROUP_NAMES = { site: "call site", cache: "cache", order: "order" } as const;
const FAMILY_NAMES = { objects: "Objects", pages: "Pages" } as const;
const KIND_NAMES: Readonly<Record<string, string>> = {
  blocks: "Blocks",
  objects: "Objects: kmalloc and slab caches",
  pages: "Pages",
};

/** A trace: each of its workloads on all allocators, then what is in it. */
export function traceSection(context: PageContext, number: number): string {
  const trace = context.report.traces[number]!;
  const id = `t${number}`;
  const lines = [
    `<h2 id="${id}"${number === 0 && context.report.traces.length === 1 ? ' class="first"' : ""}>${escaped(trace.name)}</h2>`,
  ];
  lines.push(`<p class="quiet"><code>${escaped(trace.path)}</code>${formText(trace)}</p>`);
  if (trace.error !== undefined) lines.push(`<p class="warning">${escaped(trace.error)}</p>`);
  for (const [index, { kind }] of trace.workloads.entries()) {
    const name = trace.workloads.length === 1 ? trace.name : `${trace.name}, ${kind}`;
    lines.push(`<h3>${escaped(KIND_NAMES[kind] ?? kind)}</h3>`);
    lines.push(workloadSection(context, ["traces", number, "workloads", index], `${id}-${kind}`, name));
  }
  if (trace.profile !== undefined) {
    for (const index of trace.profile.families.keys()) lines.push(familySection(context, trace, number, index));
  }
  return lines.join("\n");
}

function formText({ summary }: CompareTrace): string {
  if (summary === undefined) return "";
  return escaped(
    ` · ${summary.form}${summary.broken.count === 0 ? "" : `, ${formatCount(summary.broken.count)} broken`}`,
  );
}

function familySection({ source }: PageContext, trace: CompareTrace, number: number, index: number): string {
  const profile = trace.profile!;
  const family = profile.families[index]!;
  const way: readonly Step[] = ["traces", number, "profile", "families", index];
  const id = `t${number}-f${index}`;
  const name = profile.families.length === 1 ? trace.name : `${trace.name}, ${family.kind}`;
  const count = (field: keyof FamilyProfile): string => source.figure([...way, field], formatCount);
  const parts = [
    `<h3>What is in it${profile.families.length === 1 ? "" : `: ${FAMILY_NAMES[family.kind].toLowerCase()}`}</h3>`,
    `<p>${count("allocationCount")} allocations and ${count("freeCount")} frees; ${count("temporaryCount")} were freed before anything else was allocated.</p>`,
    `<div class="pair">${sizesFigure(family, id, name)}${lifetimesFigure(profile, family, id, name)}</div>`,
  ];
  for (const list of LISTS) {
    if (family.groupCount > 1 && family[list.field].length > 0) {
      parts.push(groupTable({ source }, way, family, list, name));
    }
  }
  return parts.join("\n");
}

function sizesFigure(family: FamilyProfile, id: string, name: string): string {
  if (family.sizes.length === 0) return "";
  const text = {
    id: `${id}-sizes`,
    title: "Sizes",
    description: `${name}: allocations by size, by powers of two.`,
  };
  return `<div><h4>Sizes</h4><figure>${histogram(text, family.sizes, formatBytes)}
<figcaption>Allocations by what they ask for, by powers of two.</figcaption></figure></div>`;
}

function lifetimesFigure({ clock }: TraceProfile, family: FamilyProfile, id: string, name: string): string {
  if (family.lifetimes.length === 0) return "";
  const text = {
    id: `${id}-lifetimes`,
    title: "Lifetimes",
    description: `${name}: blocks that were freed, by how long they lived, by powers of two.`,
  };
  const label = clock === "ns" ? durationText : (events: number): string => shortEvents(events);
  const unit = clock === "ns" ? "" : "; counted in events, since the trace has no times";
  return `<div><h4>Lifetimes</h4><figure>${histogram(text, family.lifetimes, label)}
<figcaption>Blocks that were freed, by how long they lived, by powers of two${unit}.</figcaption></figure></div>`;
}

/** `512 ns`, `1.02 µs`. */
function durationText(ns: number): string {
  for (const [unit, factor] of TIME_UNITS) if (ns >= factor) return `${threeDigits(ns / factor)} ${unit}`;
  return `${formatCount(ns)} ns`;
}

function shortEvents(events: number): string {
  if (events < 1024) return String(events);
  return events < 1024 ** 2 ? `${Math.round(events / 1024)} Ki` : `${Math.round(events / 1024 ** 2)} Mi`;
}

interface ListShape {
  readonly field: "byBytes" | "byWaste" | "byChurn";
  readonly title: string;
}

const LISTS: readonly ListShape[] = [
  { field: "byBytes", title: "by bytes" },
  { field: "byWaste", title: "by waste" },
  { field: "byChurn", title: "by churn" },
];

function groupTable(
  { source }: Pick<PageContext, "source">,
  way: readonly Step[],
  family: FamilyProfile,
  { field, title }: ListShape,
  name: string,
): string {
  const what = GROUP_NAMES[family.groupedBy];
  const rows = family[field].map((row, index): Cell[] => {
    const figure = (key: keyof GroupRow, format: (value: number) => string): Cell =>
      figureCell(source.figure([...way, field, index, key], format));
    return [
      { markup: siteMarkup(row), look: "site" },
      figure("allocationCount", formatCount),
      figure("requestedBytes", formatBytes),
      figure("wastedBytes", formatBytes),
      figure("temporaryCount", formatCount),
      figure("peakLiveBytes", formatBytes),
      figure("liveBytesAtEnd", formatBytes),
    ];
  });
  const heads = ["allocations", "requested", "wasted", "temporary", "peak live", "live at the end"];
  const table = tableMarkup({
    caption: `${name}: ${what}s ${title}, ${rows.length} of ${formatCount(family.groupCount)}`,
    head: [head(what), ...heads.map(headFigure)],
    rows,
  });
  return `<h4>${what[0]!.toUpperCase()}${what.slice(1)}s ${title}</h4>\n${table}`;
}

function siteMarkup({ name, frames = [] }: GroupRow): string {
  const callers = frames.slice(1, FRAMES_SHOWN);
  const rest = frames.length > FRAMES_SHOWN ? " …" : "";
  const below = callers.length === 0 ? "" : `<small>${escaped(`from ${callers.join(" ← ")}${rest}`)}</small>`;
  return `<code>${escaped(name)}</code>${below}`;
}

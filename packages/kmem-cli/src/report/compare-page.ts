import { formatBytes, formatCount, formatPercent } from "../system/units.ts";
import type { CompareReport } from "./compare-report.ts";
import { type Cell, escaped, FigureSource, figureCell, head, headFigure, type Step, tableMarkup } from "./markup.ts";
import { STYLE } from "./style.ts";
import { sweepValueText } from "./sweep-grid.ts";
import { traceSection } from "./trace-section.ts";
import type { PageContext } from "./workload-section.ts";

const RATIO_DIGITS = 2;
const MS_PER_S = 1000;
/** Nothing but its own style, and no scripts: a page out of a file that a stranger made stays harmless. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** The page of a comparison: one file that asks for no other, with its figures as JSON at its end. */
export function comparePage(report: CompareReport): string {
  const context: PageContext = { report, source: new FigureSource(report) };
  const names = report.traces.map(({ name }) => name);
  const title = `Allocators on ${names.length > 3 ? `${names.length} traces` : names.join(", ")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p class="quiet">${escaped(machineText(report))}</p>
${contents(report)}
</header>
<main>
${report.warnings.map(({ text }) => `<p class="warning"><strong>Warning:</strong> ${escaped(text)}.</p>`).join("\n")}
${meansSection(context)}
${report.traces.map((_, number) => traceSection(context, number)).join("\n")}
${sweepSection(context)}
${allocatorsSection(report)}
</main>
<footer>Made by <code>kmem compare</code>. Every figure is in the JSON at the end of this file, under the name that its
<code>data-from</code> has.</footer>
<script type="application/json" id="report">${JSON.stringify(report).replaceAll("<", "\\u003c")}</script>
</body>
</html>
`;
}

function machineText({ environment, settings }: CompareReport): string {
  const { cpuModel, cpuCount, platform, arch, node, loadAverage } = environment;
  const { roundCount, budgetMs } = settings;
  return [
    `${cpuModel}, ${cpuCount} CPUs, ${platform} ${arch}, Node ${node}`,
    roundCount === 0 ? "not timed" : `${roundCount} timed runs of each allocator`,
    ...(budgetMs === undefined ? [] : [`up to ${budgetMs / MS_PER_S} s for a trace`]),
    ...(loadAverage === undefined ? [] : [`load ${loadAverage.toFixed(1)}`]),
  ].join(" · ");
}

function contents({ traces, sweep }: CompareReport): string {
  const links = [
    ...(traces.length > 1 ? ['<li><a href="#means">Over all traces</a></li>'] : []),
    ...traces.map(({ name }, number) => `<li><a href="#t${number}">${escaped(name)}</a></li>`),
    ...(sweep === undefined ? [] : ['<li><a href="#sweep">Sweep</a></li>']),
    '<li><a href="#allocators">Allocators and terms</a></li>',
  ];
  return `<nav aria-label="Contents"><ul>${links.join("")}</ul></nav>`;
}

function meansSection({ report, source }: PageContext): string {
  const { means, traces } = report;
  if (traces.length < 2 || means.length === 0) return "";
  const rows = means.flatMap(({ kind, allocators }, number) =>
    allocators.map(({ allocator }, index): Cell[] => {
      const way: readonly Step[] = ["means", number, "allocators", index];
      return [
        head(allocator),
        { markup: `${escaped(kind)} (${source.figure(["means", number, "workloadCount"], formatCount)})` },
        figureCell(source.figure([...way, "baseTimeRatio"], (ratio) => ratio.toFixed(RATIO_DIGITS))),
        figureCell(source.figure([...way, "overheadAtPeakPercent"], formatPercent)),
      ];
    }),
  );
  const heads = [head("allocator"), head("workloads"), headFigure(`time of ${means[0]!.base} ÷ its own`)];
  return `<h2 class="first" id="means">Over all traces</h2>
${tableMarkup({ caption: "Geometric means", head: [...heads, headFigure("overhead at peak")], rows })}`;
}

function sweepSection({ report: { sweep }, source }: PageContext): string {
  if (sweep === undefined) return "";
  const rows = sweep.points.map((point, index): Cell[] => {
    const figure = (key: string, format: (value: number) => string): Cell =>
      figureCell(source.figure(["sweep", "points", index, key], format));
    return [
      { markup: escaped(`${point.trace} (${point.kind})`), isHead: true },
      ...point.values.map((_, dimension) =>
        figureCell(
          source.figure(["sweep", "points", index, "values", dimension], (value) =>
            sweepValueText(sweep.dimensions[dimension]!.name, value),
          ),
        ),
      ),
      figure("peakFootprintBytes", formatBytes),
      figure("overheadAtPeakPercent", formatPercent),
      figure("internalFragmentationPercent", formatPercent),
      figure("failureCount", formatCount),
      figure("fitBytes", formatBytes),
    ];
  });
  const heads = ["peak footprint", "overhead at peak", "internal fragmentation", "failed", "smallest memory"];
  return `<h2 id="sweep">Sweep</h2>
<p>kmem with other settings, at every workload. No times: the points run beside each other.</p>
${tableMarkup({
  caption: "Every point at every workload",
  head: [head("workload"), ...sweep.dimensions.map(({ name }) => headFigure(name)), ...heads.map(headFigure)],
  rows,
})}`;
}

function allocatorsSection({ allocators, absent }: CompareReport): string {
  const present = allocators.map(
    ({ name, version, note }) =>
      `<li><strong>${escaped(name)}</strong> ${escaped(version)}${note === undefined ? "" : `: ${escaped(note)}`}</li>`,
  );
  const missing = absent.map(
    ({ name, reason }) => `<li><strong>${escaped(name)}</strong> is not here: ${escaped(reason)}</li>`,
  );
  const terms = TERMS.map(([term, meaning]) => `<li><strong>${term}</strong>: ${meaning}</li>`);
  return `<h2 id="allocators">Allocators and terms</h2>
<ul class="keys">${[...present, ...missing].join("\n")}</ul>
<h3>Terms</h3>
<ul class="keys">${terms.join("\n")}</ul>`;
}

const TERMS: readonly (readonly [string, string])[] = [
  ["internal fragmentation", "the share of the allocated bytes that nobody asked for"],
  ["peak footprint", "the most memory in use at a time, with all that describes it"],
  ["overhead at peak", "by how much that exceeds the most bytes live at a time"],
  [
    "smallest memory",
    "of a heap in a memory of a given size: the least in which nothing is refused, found by bisection",
  ],
  ["failed", "allocations that were refused"],
  ["temporary", "freed before anything else was allocated"],
  ["wasted", "set aside and not asked for, as the trace itself says"],
];

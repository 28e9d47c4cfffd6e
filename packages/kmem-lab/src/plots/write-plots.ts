import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EChartsOption } from "echarts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { barChart, logLineChart } from "./charts.ts";
import { churnTimes, traceFootprints, traceTimes } from "./series.ts";

const WIDTH = 1040;
const HEIGHT = 520;

/** Draws every plot whose figures are there, and answers the names of the files. */
export async function writePlots(files: FigureFiles): Promise<readonly string[]> {
  // Loading it takes long, and few commands draw.
  const echarts = await import("echarts");
  const plots = plotsOf(files);
  for (const [name, option] of plots) {
    const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
    chart.setOption(option);
    writeFileSync(join(files.folder, name), plainSvg(chart.renderToSVGString()));
    chart.dispose();
  }
  return plots.map(([name]) => name);
}

function plotsOf(files: FigureFiles): [name: string, option: EChartsOption][] {
  const times = traceTimes(files);
  const footprints = traceFootprints(files);
  const churn = churnTimes(files);
  const plots: [string, EChartsOption][] = [];
  if (times.series.length > 0) {
    const subtitle = "ns per operation, median of the rounds; lower is better";
    plots.push(["traces.svg", barChart({ title: "Time on real traces", subtitle }, times)]);
  }
  if (churn.series.length > 0) {
    const subtitle = "ns per operation, blocks of 16 to 480 bytes, both axes logarithmic; lower is better";
    const titles = { title: "Random churn by live blocks", subtitle };
    plots.push(["live-blocks.svg", logLineChart(titles, churn, "live blocks")]);
  }
  if (footprints.series.length > 0) {
    const subtitle = "resident memory at peak over live bytes at peak, traces of 1 MB live and more; 1 is the least";
    plots.push(["footprint.svg", barChart({ title: "Memory on real traces", subtitle }, footprints)]);
  }
  return plots;
}

/**
 * Without what is there for a pointer that hovers: nothing does over a picture. Names in the drawing count on from plot
 * to plot; the same figures are to give the same file.
 */
function plainSvg(svg: string): string {
  return svg
    .replaceAll(/ class="zr\d+-cls-\d+"/g, "")
    .replaceAll(/<style\b[\s\S]*?<\/style>\n?/g, "")
    .replaceAll(/zr\d+-/g, "plot-");
}

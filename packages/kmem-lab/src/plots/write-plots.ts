import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EChartsOption } from "echarts";
import { formatCount, threeDigits } from "kmem-cli/internal/system/units";
import type { FigureFiles } from "../figures/figure-files.ts";
import { barChart, type ChartTitles, logLineChart } from "./charts.ts";
import { type CategoryData, churnTimes, traceFootprints, traceTimes } from "./series.ts";
import { DARK_STYLE } from "./style.ts";

const WIDTH = 1040;
const HEIGHT = 520;

/** Draws every plot whose figures are there, and answers the names of the files. */
export async function writePlots(files: FigureFiles): Promise<readonly string[]> {
  // Loading it takes long, and few commands draw.
  const echarts = await import("echarts");
  const plots = plotsOf(files);
  for (const [name, option, about] of plots) {
    const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
    chart.setOption(option);
    writeFileSync(join(files.folder, name), plainSvg(chart.renderToSVGString(), about));
    chart.dispose();
  }
  return plots.map(([name]) => name);
}

/** What a plot is called, and what it shows, in words. */
interface About {
  readonly title: string;
  readonly description: string;
}

/** What the bars or lines of a chart say, for those who cannot see them. */
function inWords({ title, subtitle }: ChartTitles, { categories, series }: CategoryData): About {
  const sentences = series.map(({ name, values }) => {
    const figures = values.flatMap((value, index) =>
      value === undefined ? [] : [`${categories[index]} ${threeDigits(value)}`],
    );
    return `${name}: ${figures.join(", ")}.`;
  });
  return { title, description: `${subtitle}. ${sentences.join(" ")}` };
}

function plotsOf(files: FigureFiles): [name: string, option: EChartsOption, about: About][] {
  const times = traceTimes(files);
  const footprints = traceFootprints(files);
  const churn = churnTimes(files);
  const plots: [string, EChartsOption, About][] = [];
  if (times.series.length > 0) {
    const subtitle = "ns per operation, median and quartiles of the rounds; lower is better";
    const titles = { title: "Time on real traces", subtitle };
    plots.push(["traces.svg", barChart(titles, times), inWords(titles, times)]);
  }
  if (churn.series.length > 0) {
    const subtitle = "ns per operation, blocks of 16 to 480 bytes, both axes logarithmic; lower is better";
    const titles = { title: "Random churn by live blocks", subtitle };
    const categories = churn.series[0]!.points.map(([x]) => `${formatCount(x)} live`);
    const series = churn.series.map(({ name, points }) => ({ name, values: points.map(([, y]) => y) }));
    const about = inWords(titles, { categories, series });
    plots.push(["live-blocks.svg", logLineChart(titles, churn, "live blocks"), about]);
  }
  if (footprints.series.length > 0) {
    const subtitle = "resident memory at peak over live bytes at peak, traces of 1 MB live and more; 1 is the least";
    const titles = { title: "Memory on real traces", subtitle };
    plots.push(["footprint.svg", barChart(titles, footprints), inWords(titles, footprints)]);
  }
  return plots;
}

/**
 * Without what is there for a pointer that hovers: nothing does over a picture. Names in the drawing count on from plot
 * to plot; the same figures are to give the same file.
 */
function plainSvg(svg: string, { title, description }: About): string {
  const head =
    `<title id="title">${title}</title>\n<desc id="description">${description}</desc>\n` +
    `<style>${DARK_STYLE}</style>\n`;
  return svg
    .replaceAll(/ class="zr\d+-cls-\d+"/g, "")
    .replaceAll(/<style\b[\s\S]*?<\/style>\n?/g, "")
    .replaceAll(/zr\d+-/g, "plot-")
    .replace(
      /<svg [^>]*>\n?/,
      (tag) => `${tag.trimEnd().slice(0, -1)} role="img" aria-labelledby="title description">\n${head}`,
    );
}

import type { EChartsOption } from "echarts";
import type { CategoryData, LineData } from "./series.ts";
import { BACKGROUND, coloursFor, FONT, GRID_COLOUR, TEXT_COLOUR } from "./style.ts";

/** What a chart says about itself. */
export interface ChartTitles {
  readonly title: string;
  /** What the values are, and what is better. */
  readonly subtitle: string;
}

const LINE_WIDTH = 2;
const OWN_LINE_WIDTH = 3.5;
const SYMBOL_PIXELS = 7;
const TITLE_PIXELS = 17;
const SUBTITLE_PIXELS = 13;
const LABEL_PIXELS = 12;
const LEGEND_TOP = 58;
const LEGEND_GAP = 22;
const GRID_TOP = 96;
/** So many names stand in a line of the legend, which takes so much of the height. */
const LEGEND_LINE_NAMES = 9;
const LEGEND_LINE_PIXELS = 34;
/** Room for the first of the tilted names below a bar chart. */
const TILTED_LEFT = 56;
const LABEL_TILT = 30;
const KILO = 1_000;
const MEGA = 1_000_000;

function frame({ title, subtitle }: ChartTitles, names: readonly string[]): EChartsOption {
  return {
    animation: false,
    backgroundColor: BACKGROUND,
    color: coloursFor(names),
    textStyle: { fontFamily: FONT, color: TEXT_COLOUR, fontSize: LABEL_PIXELS },
    title: {
      text: title,
      subtext: subtitle,
      left: 16,
      top: 10,
      textStyle: { fontFamily: FONT, fontSize: TITLE_PIXELS, color: TEXT_COLOUR },
      subtextStyle: { fontFamily: FONT, fontSize: SUBTITLE_PIXELS, color: TEXT_COLOUR },
    },
    legend: {
      data: [...names],
      top: LEGEND_TOP,
      left: 12,
      itemGap: LEGEND_GAP,
      textStyle: { fontFamily: FONT, color: TEXT_COLOUR },
    },
    grid: { left: 16, right: 40, top: gridTop(names), bottom: 34, containLabel: true },
  };
}

function gridTop({ length }: readonly string[]): number {
  return GRID_TOP + (Math.ceil(length / LEGEND_LINE_NAMES) - 1) * LEGEND_LINE_PIXELS;
}

const LINES = { lineStyle: { color: GRID_COLOUR } } as const;
const LABELS = { color: TEXT_COLOUR, fontFamily: FONT, fontSize: LABEL_PIXELS } as const;

/** Groups of bars: a group for each category, in it a bar for each series. */
export function barChart(titles: ChartTitles, { categories, series }: CategoryData): EChartsOption {
  const names = series.map(({ name }) => name);
  return {
    ...frame(titles, names),
    grid: { left: TILTED_LEFT, right: 40, top: gridTop(names), bottom: 34, containLabel: true },
    xAxis: {
      type: "category",
      data: [...categories],
      axisLabel: { ...LABELS, interval: 0, rotate: LABEL_TILT },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: TEXT_COLOUR } },
    },
    yAxis: { type: "value", min: 0, axisLabel: LABELS, splitLine: LINES },
    series: series.map(({ name, values }) => ({
      type: "bar",
      name,
      data: values.map((value) => value ?? "-"),
      barGap: "5%",
      barCategoryGap: "24%",
    })),
  };
}

/** Lines over a count, both axes logarithmic. */
export function logLineChart(titles: ChartTitles, { series }: LineData, xName: string): EChartsOption {
  const counts = series.flatMap(({ points }) => points.map(([x]) => x));
  return {
    ...frame(
      titles,
      series.map(({ name }) => name),
    ),
    xAxis: {
      type: "log",
      name: xName,
      nameLocation: "middle",
      nameGap: 30,
      nameTextStyle: LABELS,
      min: Math.min(...counts),
      max: Math.max(...counts),
      axisLabel: { ...LABELS, formatter: shortCount },
      splitLine: LINES,
    },
    yAxis: {
      type: "log",
      min: "dataMin",
      axisLabel: { ...LABELS, formatter: shortCount },
      splitLine: LINES,
      minorSplitLine: { show: false },
    },
    series: series.map(({ name, points }) => ({
      type: "line",
      name,
      data: points.map(([x, y]) => [x, y]),
      symbol: "circle",
      symbolSize: SYMBOL_PIXELS,
      lineStyle: { width: name === "kmem" ? OWN_LINE_WIDTH : LINE_WIDTH },
      z: name === "kmem" ? 3 : 2,
    })),
  };
}

/** `1 K`, `10 M`. */
function shortCount(count: number): string {
  if (count >= MEGA) return `${count / MEGA} M`;
  return count >= KILO ? `${count / KILO} K` : String(Number(count.toPrecision(2)));
}

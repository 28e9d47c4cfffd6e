import type { EChartsOption } from "echarts";
import type { CategoryData, LineData, Spread } from "./series.ts";
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
const GRID_TOP = 96;
/** Right of lines stand their names. */
const NAMES_RIGHT = 120;
const WHISKER_PIXELS = 3;
const UPRIGHT = 90;
/** Between a bar and its name, where its whisker is. */
const NAME_DISTANCE = 26;
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
    grid: { left: 16, right: NAMES_RIGHT, top: GRID_TOP, bottom: 34, containLabel: true },
  };
}

/** What a custom series is told of the places of a chart. */
interface PlaceApi {
  value(dimension: number): unknown;
  coord(point: readonly unknown[]): readonly number[];
  barLayout?(options: object): readonly { readonly offsetCenter: number }[];
}

/** An upright line with two short ones at its ends, from a low value to a high one. */
function whisker(api: PlaceApi, offset = 0): object {
  const [x, low] = api.coord([api.value(0), api.value(1)]) as [number, number];
  const [, high] = api.coord([api.value(0), api.value(2)]) as [number, number];
  const at = x + offset;
  const style = { stroke: TEXT_COLOUR, lineWidth: 1 };
  const end = (y: number): object => {
    return { type: "line", shape: { x1: at - WHISKER_PIXELS, x2: at + WHISKER_PIXELS, y1: y, y2: y }, style };
  };
  return {
    type: "group",
    children: [{ type: "line", shape: { x1: at, x2: at, y1: low, y2: high }, style }, end(low), end(high)],
  };
}

/** The spreads that there are, with the place of each on the axis below. */
function spreadData(spreads: readonly (Spread | undefined)[], placeOf: (index: number) => number): number[][] {
  return spreads.flatMap((spread, index) => (spread === undefined ? [] : [[placeOf(index), ...spread]]));
}

const LINES = { lineStyle: { color: GRID_COLOUR } } as const;
const LABELS = { color: TEXT_COLOUR, fontFamily: FONT, fontSize: LABEL_PIXELS } as const;

/** Groups of bars: a group for each category, in it a bar for each series. */
export function barChart(titles: ChartTitles, { categories, series }: CategoryData): EChartsOption {
  const names = series.map(({ name }) => name);
  return {
    ...frame(titles, names),
    grid: { left: TILTED_LEFT, right: 40, top: GRID_TOP, bottom: 34, containLabel: true },
    xAxis: {
      type: "category",
      data: [...categories],
      axisLabel: { ...LABELS, interval: 0, rotate: LABEL_TILT },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: TEXT_COLOUR } },
    },
    yAxis: { type: "value", min: 0, axisLabel: LABELS, splitLine: LINES },
    series: [
      ...series.map(({ name, values }) => ({
        type: "bar" as const,
        name,
        // The first bar of each has its name upright above it.
        data: values.map((value, index) => ({ value: value ?? "-", ...(index === 0 && { label: nameAbove(name) }) })),
        ...BARS,
      })),
      ...series.flatMap(({ spreads = [] }, index) => ({
        type: "custom" as const,
        data: spreadData(spreads, (place) => place),
        renderItem: (_: unknown, api: unknown) => {
          const layout = (api as PlaceApi).barLayout?.({ count: series.length, ...BARS });
          return whisker(api as PlaceApi, layout?.[index]?.offsetCenter) as never;
        },
        z: 4,
      })),
    ],
  };
}

const BARS = { barGap: "5%", barCategoryGap: "24%" } as const;

function nameAbove(name: string): object {
  const turned = { rotate: UPRIGHT, align: "left", verticalAlign: "middle", distance: NAME_DISTANCE };
  return { show: true, position: "top", formatter: name, ...turned, ...LABELS };
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
    series: [
      ...series.map(({ name, points }) => ({
        type: "line" as const,
        name,
        data: points.map(([x, y]) => [x, y]),
        symbol: "circle",
        symbolSize: SYMBOL_PIXELS,
        endLabel: { show: true, formatter: name, ...LABELS },
        labelLayout: { moveOverlap: "shiftY" as const },
        lineStyle: { width: name === "kmem" ? OWN_LINE_WIDTH : LINE_WIDTH },
        z: name === "kmem" ? 3 : 2,
      })),
      ...series.map(({ points, spreads }) => ({
        type: "custom" as const,
        data: spreadData(spreads, (index) => points[index]![0]),
        renderItem: (_: unknown, api: unknown) => whisker(api as PlaceApi) as never,
        z: 4,
      })),
    ],
  };
}

/** `1 K`, `10 M`. */
function shortCount(count: number): string {
  if (count >= MEGA) return `${count / MEGA} M`;
  return count >= KILO ? `${count / KILO} K` : String(Number(count.toPrecision(2)));
}

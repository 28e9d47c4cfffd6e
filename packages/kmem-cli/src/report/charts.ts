import { median } from "../system/statistics.ts";
import { formatBytes, formatCount, threeDigits } from "../system/units.ts";
import { escaped } from "./markup.ts";
import { byteTicks, place, ticks } from "./scale.ts";

/** Colours that lines and bars take in turns; their values are in the style. */
export const COLOUR_COUNT = 8;
/** Of a drawing over the whole page, and of one of a pair: text is then as large as the text around it. */
const WIDTH = 1060;
const HALF_WIDTH = 514;
const FRAME = { left: 76, right: 14, top: 14, bottom: 40 } as const;
const TIMELINE_HEIGHT = 300;
const HISTOGRAM_HEIGHT = 210;
/** What needs more than so many times what others need leaves the drawing at its top, or it would flatten all others. */
const CLIP_FACTOR = 4;
const HEADROOM = 1.05;

/** What a drawing says of itself to those who cannot see it. */
export interface ChartText {
  /** Of the page, different for each drawing. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
}

/** A line over the operations of a workload. */
export interface Line {
  readonly name: string;
  /** The colour's number. */
  readonly colour: number;
  readonly values: readonly number[];
}

type Size = readonly [width: number, height: number];

function svg({ id, title, description }: ChartText, [width, height]: Size, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-text">
<title id="${id}-title">${escaped(title)}</title>
<desc id="${id}-text">${escaped(description)}</desc>
${parts.join("\n")}
</svg>`;
}

/** The classes of a colour: after the last one they begin again, broken otherwise. */
export function colourClasses(colour: number): string {
  return `c${colour % COLOUR_COUNT} d${Math.floor(colour / COLOUR_COUNT) % 3}`;
}

/** How memory goes over a workload: what is live as an area, and a line for each allocator. */
export function timeline(text: ChartText, { opsPerSample, opCount, live, lines }: TimelineData): string {
  const most = topOf(lines, live);
  const plot = { left: FRAME.left, top: FRAME.top, width: WIDTH - FRAME.left - FRAME.right, height: 0 };
  plot.height = TIMELINE_HEIGHT - FRAME.top - FRAME.bottom;
  const x = (ops: number): number => plot.left + (Math.min(ops, opCount) / opCount) * plot.width;
  const y = (bytes: number): number => plot.top + plot.height * (1 - bytes / most);
  const points = (values: readonly number[]): string[] =>
    values.map((value, index) => `${place(x((index + 0.5) * opsPerSample))} ${place(y(value))}`);
  const floor = plot.top + plot.height;
  const area = points(live);
  const [first, last] = [opsPerSample / 2, (live.length - 0.5) * opsPerSample].map((ops) => place(x(ops)));
  const path = `M${first} ${floor}L${area.join("L")}L${last} ${floor}Z`;
  return svg(
    text,
    [WIDTH, TIMELINE_HEIGHT],
    [
      `<clipPath id="${text.id}-clip"><rect x="${plot.left}" y="${plot.top}" width="${plot.width}" height="${plot.height + 1}"/></clipPath>`,
      ...byteTicks(most).flatMap((bytes) => [
        `<line class="grid" x1="${plot.left}" x2="${WIDTH - FRAME.right}" y1="${place(y(bytes))}" y2="${place(y(bytes))}"/>`,
        `<text class="tick" x="${plot.left - 8}" y="${place(y(bytes) + 4)}" text-anchor="end">${formatBytes(bytes)}</text>`,
      ]),
      ...ticks(opCount).map(
        (ops) =>
          `<text class="tick" x="${place(x(ops))}" y="${floor + 18}" text-anchor="middle">${shortCount(ops)}</text>`,
      ),
      `<text class="axis" x="${plot.left + plot.width / 2}" y="${floor + 35}" text-anchor="middle">operations</text>`,
      `<g clip-path="url(#${text.id}-clip)"><path class="live" d="${path}"/>`,
      ...lines.map(
        ({ name, colour, values }) =>
          `<path class="line ${colourClasses(colour)}" d="M${points(values).join("L")}"><title>${escaped(name)}</title></path>`,
      ),
      "</g>",
      `<line class="base" x1="${plot.left}" x2="${WIDTH - FRAME.right}" y1="${floor}" y2="${floor}"/>`,
    ],
  );
}

export interface TimelineData {
  readonly opsPerSample: number;
  readonly opCount: number;
  readonly live: readonly number[];
  readonly lines: readonly Line[];
}

/** The top of a timeline: the most of all lines but those that would flatten the others. */
function topOf(lines: readonly Line[], live: readonly number[]): number {
  const tops = lines.map(({ values }) => Math.max(...values));
  const clip = Math.max(...live, Math.min(...tops)) * CLIP_FACTOR;
  return Math.min(clip, Math.max(...tops, ...live)) * HEADROOM;
}

/** The lines that leave a timeline at its top. */
export function clippedLines({ lines, live }: TimelineData): Line[] {
  const most = topOf(lines, live);
  return lines.filter(({ values }) => Math.max(...values) > most);
}

/** A bar with its range. */
export interface Bar {
  readonly name: string;
  readonly colour: number;
  readonly value: number;
  readonly text: string;
  readonly low?: number;
  readonly high?: number;
  /** A second value, which is marked on the bar. */
  readonly mark?: number;
}

const BAR_HEIGHT = 16;
const BAR_STEP = 27;
const NAME_WIDTH = 112;
const VALUE_WIDTH = 90;
const WHISKER = 4;

/** Horizontal bars, one for each allocator; what is far beyond most of them is cut off, with its figure beside it. */
export function bars(text: ChartText, all: readonly Bar[]): string {
  const usual = median(all.map(({ value }) => value));
  const highest = Math.max(...all.map(({ value, high = 0 }) => Math.max(value, high)));
  const most = Math.min(highest, usual * CLIP_FACTOR) || 1;
  const width = HALF_WIDTH - NAME_WIDTH - VALUE_WIDTH;
  const x = (value: number): number => NAME_WIDTH + (Math.min(value, most) / most) * width;
  const rows = all.flatMap((bar, index) => {
    const top = index * BAR_STEP + 4;
    const middle = top + BAR_HEIGHT / 2;
    const end = x(bar.value);
    return [
      `<text class="name" x="${NAME_WIDTH - 10}" y="${middle + 4}" text-anchor="end">${escaped(bar.name)}</text>`,
      `<rect class="bar ${colourClasses(bar.colour)}" x="${NAME_WIDTH}" y="${top}" width="${place(end - NAME_WIDTH)}" height="${BAR_HEIGHT}" rx="2"/>`,
      ...(bar.value > most
        ? [`<path class="cut" d="M${place(end - 14)} ${top - 2}l6 ${BAR_HEIGHT + 4}m5 0l-6 -${BAR_HEIGHT + 4}"/>`]
        : []),
      ...(bar.mark === undefined ? [] : [markAt(x(bar.mark), top)]),
      ...whisker(bar, x, middle, most),
      `<text class="value" x="${place(Math.max(end, x(bar.high ?? 0), x(bar.mark ?? 0)) + 8)}" y="${middle + 4}">${escaped(bar.text)}</text>`,
    ];
  });
  return svg(text, [HALF_WIDTH, all.length * BAR_STEP + 4], rows);
}

function markAt(x: number, top: number): string {
  return `<line class="mark" x1="${place(x)}" x2="${place(x)}" y1="${top - 3}" y2="${top + BAR_HEIGHT + 3}"/>`;
}

function whisker({ low, high, value }: Bar, x: (value: number) => number, y: number, most: number): string[] {
  if (low === undefined || high === undefined || value > most || low === high) return [];
  const [from, to] = [place(x(low)), place(x(high))];
  return [
    `<path class="whisker" d="M${from} ${y - WHISKER}v${2 * WHISKER}M${from} ${y}H${to}m0 -${WHISKER}v${2 * WHISKER}"/>`,
  ];
}

/** Counts by powers of two: a column for each bucket from the first that has any to the last. */
export function histogram(text: ChartText, counted: readonly Bucket[], labelOf: (from: number) => string): string {
  const buckets = withGaps(counted);
  const most = Math.max(1, ...buckets.map(({ count }) => count));
  const plot = {
    left: FRAME.left,
    width: HALF_WIDTH - FRAME.left - FRAME.right,
    height: HISTOGRAM_HEIGHT - FRAME.top - 46,
  };
  const step = plot.width / buckets.length;
  const floor = FRAME.top + plot.height;
  const y = (count: number): number => floor - (count / most) * plot.height;
  const labelEvery = Math.ceil(buckets.length / LABELS_MAX);
  return svg(
    text,
    [HALF_WIDTH, HISTOGRAM_HEIGHT],
    [
      ...ticks(most, 5).flatMap((count) => [
        `<line class="grid" x1="${plot.left}" x2="${HALF_WIDTH - FRAME.right}" y1="${place(y(count))}" y2="${place(y(count))}"/>`,
        `<text class="tick" x="${plot.left - 8}" y="${place(y(count) + 4)}" text-anchor="end">${shortCount(count)}</text>`,
      ]),
      ...buckets.flatMap(({ from, below, count }, index) => {
        const left = plot.left + index * step;
        const label =
          index % labelEvery === 0
            ? [
                `<text class="tick" x="${place(left + step / 2)}" y="${floor + 17}" text-anchor="middle">${escaped(labelOf(from))}</text>`,
              ]
            : [];
        const name = `${labelOf(from)} to below ${labelOf(below)}: ${formatCount(count)}`;
        return [
          `<rect class="column" x="${place(left + 1.5)}" y="${place(y(count))}" width="${place(step - 3)}" height="${place(floor - y(count))}"><title>${escaped(name)}</title></rect>`,
          ...label,
        ];
      }),
      `<line class="base" x1="${plot.left}" x2="${HALF_WIDTH - FRAME.right}" y1="${floor}" y2="${floor}"/>`,
      `<text class="axis" x="${plot.left + plot.width / 2}" y="${floor + 36}" text-anchor="middle">${escaped(text.title.toLowerCase())}, from</text>`,
    ],
  );
}

/** More would touch each other. */
const LABELS_MAX = 8;

export interface Bucket {
  readonly from: number;
  readonly below: number;
  readonly count: number;
}

/** All buckets from the first to the last, also those that have nothing. */
export function withGaps(counted: readonly Bucket[]): Bucket[] {
  const buckets: Bucket[] = [];
  for (const bucket of counted) {
    for (let from = buckets.at(-1)?.below ?? bucket.from; from < bucket.from; from *= 2) {
      buckets.push({ from, below: from * 2, count: 0 });
    }
    buckets.push(bucket);
  }
  return buckets;
}

/** `1 K`, `2.5 M`. */
function shortCount(count: number): string {
  if (count >= 1e9) return `${threeDigits(count / 1e9).replace(/\.?0+$/, "")} G`;
  if (count >= 1e6) return `${Number(threeDigits(count / 1e6))} M`;
  return count >= 1e3 ? `${Number(threeDigits(count / 1e3))} K` : String(count);
}

import uPlot from "uplot";
import { cssColour, PALETTES, type Theme } from "./palette.ts";

/** A line of a chart. */
export interface ChartLine {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

/** A mark on the axis of events. */
export interface ChartMark {
  readonly event: number;
  readonly label: string;
}

const UNIT_BYTES = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB"];
const AXIS_PIXELS = 66;
const EVENT_AXIS_PIXELS = 30;
const FONT = "11px system-ui, sans-serif";

function shortBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= UNIT_BYTES && unit < UNITS.length - 1) {
    value /= UNIT_BYTES;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** Bytes over the events of a trace, with a line at the moment that is looked at. */
export class CourseChart {
  readonly #parent: HTMLElement;
  readonly #pick: (event: number) => void;
  #chart: uPlot | undefined;
  readonly #line: HTMLElement = document.createElement("div");
  #moment = 0;
  #marks: readonly ChartMark[] = [];
  #theme: Theme = "light";

  constructor(parent: HTMLElement, pick: (event: number) => void) {
    this.#parent = parent;
    this.#pick = pick;
  }

  /** Draws the lines over the events. */
  show(events: readonly number[], lines: readonly ChartLine[], marks: readonly ChartMark[], theme: Theme): void {
    this.#chart?.destroy();
    this.#theme = theme;
    this.#marks = marks;
    const { lines: colours, grid, states } = PALETTES[theme];
    const text = cssColour(states[1]!);
    const axis = {
      stroke: text,
      grid: { stroke: cssColour(states[0]!, 0.35), width: 1 },
      ticks: { show: false },
      font: FONT,
    };
    const options: uPlot.Options = {
      ...this.#size,
      scales: { x: { time: false } },
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { show: false } },
      axes: [
        {
          ...axis,
          size: EVENT_AXIS_PIXELS,
          values: (_chart, values) => values.map((value) => value.toLocaleString("en")),
        },
        { ...axis, size: AXIS_PIXELS, values: (_chart, values) => values.map(shortBytes) },
      ],
      series: [
        { label: "event" },
        ...lines.map(({ label }, index) => ({
          label,
          stroke: cssColour(colours[index % colours.length]!),
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: { draw: [(chart) => this.#drawMarks(chart)] },
    };
    this.#parent.style.background = cssColour(grid, 0);
    this.#chart = new uPlot(
      options,
      [[...events], ...lines.map(({ values }) => [...values])] as uPlot.AlignedData,
      this.#parent,
    );
    Object.assign(this.#line.style, {
      position: "absolute",
      top: "0",
      bottom: "0",
      width: "1px",
      pointerEvents: "none",
    });
    this.#line.style.background = cssColour(PALETTES[theme].selection);
    this.#chart.over.append(this.#line);
    this.#chart.over.addEventListener("click", ({ offsetX }) => {
      const event = this.#chart?.posToVal(offsetX, "x");
      if (event !== undefined) this.#pick(Math.max(0, Math.round(event)));
    });
  }

  /** Moves the line of the moment. */
  set moment(event: number) {
    this.#moment = event;
    this.#moveLine();
  }

  resize(): void {
    this.#chart?.setSize(this.#size);
  }

  /** Ends the chart. */
  close(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
  }

  get #size(): { width: number; height: number } {
    return { width: Math.max(200, this.#parent.clientWidth), height: Math.max(120, this.#parent.clientHeight) };
  }

  /** The line of the moment is an element above the chart: to move it costs no drawing. */
  #moveLine(): void {
    const chart = this.#chart;
    if (chart === undefined) return;
    const x = chart.valToPos(this.#moment, "x");
    this.#line.hidden = !(x >= 0 && x <= chart.over.clientWidth);
    this.#line.style.left = `${x}px`;
  }

  #drawMarks(chart: uPlot): void {
    this.#moveLine();
    const { ctx, bbox } = chart;
    const { finding } = PALETTES[this.#theme];
    const line = (event: number, colour: string): number => {
      const x = Math.round(chart.valToPos(event, "x", true));
      ctx.strokeStyle = colour;
      ctx.setLineDash([4, 4]);
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      return x;
    };
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { event, label } of this.#marks) {
      const x = line(event, cssColour(finding, 0.8));
      ctx.fillStyle = cssColour(finding);
      ctx.font = FONT;
      ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
      ctx.fillText(label, x + (ctx.textAlign === "right" ? -4 : 4), bbox.top + 12);
    }
    ctx.restore();
  }
}

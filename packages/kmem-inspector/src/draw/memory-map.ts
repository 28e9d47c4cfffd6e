import { PAGE_GRANULES } from "../dump/blocks.ts";
import type { LegendEntry, Scale } from "../dump/frame-modes.ts";
import {
  clampView,
  fitView,
  frameAt,
  type MapShape,
  type MapView,
  type Size,
  shapeFor,
  viewOfFrame,
  visibleRows,
  zoomView,
} from "./map-geometry.ts";
import { colourOf, cssColour, PALETTES, type Theme } from "./palette.ts";

/** What a map shows. */
export interface MapContents {
  readonly scale: Scale;
  readonly values: Uint8Array;
  readonly legend: readonly LegendEntry[];
}

/** From this size of a cell on there are lines between cells, and from that one blocks within pages. */
const GRID_SCALE = 5;
const GRANULE_SCALE = 32;
/** Granules of a page are painted in so many rows. */
const GRANULE_SIDE = 16;
const START_MARK = 16;
/** The cell that one looks for is at least so large, in pixels of the screen. */
const FOUND_SCALE = 40;
const MARK_SIDE_MIN = 5;

/** Draws a map of pages to a canvas, and says what lies at a point. One picture of all pages is kept and scaled. */
export class MemoryMap {
  readonly #canvas: HTMLCanvasElement;
  readonly #picture: HTMLCanvasElement = document.createElement("canvas");
  readonly #detail: HTMLCanvasElement = document.createElement("canvas");
  readonly #granules = new Map<number, Uint8Array>();
  readonly #wantGranules: ((frames: readonly number[]) => Promise<Uint8Array>) | undefined;
  #contents: MapContents = { scale: "states", values: new Uint8Array(0), legend: [] };
  #theme: Theme = "light";
  #shape: MapShape = { columns: 1, rows: 1 };
  #view: MapView = { column: 0, row: 0, scale: 1 };
  #selected: number | undefined;
  #marked: readonly number[] = [];
  #isWaiting = false;
  #isDue = false;
  /** Pictures that were drawn. */
  drawCount = 0;
  /** Told when another part is shown by whoever looks at it. */
  onMove: ((view: MapView) => void) | undefined;

  constructor(canvas: HTMLCanvasElement, wantGranules?: (frames: readonly number[]) => Promise<Uint8Array>) {
    this.#canvas = canvas;
    this.#wantGranules = wantGranules;
  }

  get view(): MapView {
    return this.#view;
  }

  set view(view: MapView) {
    this.follow(view);
    this.onMove?.(this.#view);
  }

  /** Shows the part that another map shows. */
  follow(view: MapView): void {
    this.#view = clampView(view, this.#shape, this.#size);
    this.redraw();
  }

  get columns(): number {
    return this.#shape.columns;
  }

  get pageCount(): number {
    return this.#contents.values.length;
  }

  get #size(): Size {
    return { width: this.#canvas.width, height: this.#canvas.height };
  }

  /** Fits the canvas to the place that it has. */
  resize(): void {
    const ratio = globalThis.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.#canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.#canvas.clientHeight * ratio));
    if (width === this.#canvas.width && height === this.#canvas.height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#layOut();
  }

  /** Shows other values; the part that is seen stays, where there are as many pages as before. */
  show(contents: MapContents, theme: Theme): void {
    const isSame = contents.values.length === this.#contents.values.length && this.#theme === theme;
    this.#contents = contents;
    this.#theme = theme;
    this.#granules.clear();
    if (isSame) this.#paint();
    else this.#layOut();
    this.redraw();
  }

  /** Shows all of it. */
  fit(): void {
    this.view = fitView(this.#shape, this.#size);
  }

  zoom(factor: number, x: number = this.#size.width / 2, y: number = this.#size.height / 2): void {
    this.view = zoomView(this.#view, this.#shape, this.#size, factor, x, y);
  }

  /** Moves by so many pixels of the canvas. */
  pan(x: number, y: number): void {
    const { column, row, scale } = this.#view;
    this.view = { scale, column: column - x / scale, row: row - y / scale };
  }

  frameAt(x: number, y: number): number | undefined {
    return frameAt(this.#view, this.#shape, this.pageCount, x, y);
  }

  /** Marks a page; moves there where it cannot be seen, or where a block in it is to be found. */
  select(frame: number | undefined, isToBeFound = false): void {
    this.#selected = frame;
    if (frame !== undefined && (isToBeFound || !this.#isVisible(frame))) {
      this.#view = viewOfFrame(this.#view, this.#shape, this.#size, frame, isToBeFound ? FOUND_SCALE : 0);
    }
    this.redraw();
  }

  /** Marks the pages of findings. */
  mark(frames: readonly number[]): void {
    this.#marked = frames;
    this.redraw();
  }

  redraw(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #isVisible(frame: number): boolean {
    return visibleRows(this.#view, this.#shape, this.pageCount, this.#size).some(
      ([first, count]) => frame >= first && frame < first + count,
    );
  }

  #layOut(): void {
    this.#shape = shapeFor(this.pageCount, this.#size);
    this.#view = fitView(this.#shape, this.#size);
    this.#paint();
    this.redraw();
  }

  /** Paints the picture of all pages, a pixel each. */
  #paint(): void {
    const { columns, rows } = this.#shape;
    const { values, scale, legend } = this.#contents;
    this.#picture.width = columns;
    this.#picture.height = rows;
    const context = this.#picture.getContext("2d")!;
    const image = context.createImageData(columns, rows);
    const words = new Uint32Array(image.data.buffer);
    const steps = Math.max(...legend.map(({ value }) => value), 1);
    const colours = Uint32Array.from({ length: 256 }, (_, value) => {
      const [red, green, blue] = colourOf(this.#theme, scale, value, steps);
      return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
    });
    for (let page = 0; page < values.length; page++) words[page] = colours[values[page]!]!;
    context.putImageData(image, 0, 0);
  }

  #draw(): void {
    const { width, height } = this.#size;
    const { column, row, scale } = this.#view;
    const context = this.#canvas.getContext("2d")!;
    const palette = PALETTES[this.#theme];
    this.drawCount += 1;
    context.fillStyle = cssColour(palette.background);
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = scale < 1;
    const { columns, rows } = this.#shape;
    context.drawImage(this.#picture, -column * scale, -row * scale, columns * scale, rows * scale);
    if (scale >= GRANULE_SCALE) this.#drawGranules(context);
    if (scale >= GRID_SCALE) this.#drawGrid(context, cssColour(palette.grid));
    for (const frame of this.#marked) this.#frameRect(context, frame, cssColour(palette.finding), 2);
    if (this.#selected !== undefined) this.#frameRect(context, this.#selected, cssColour(palette.selection), 2);
  }

  #drawGrid(context: CanvasRenderingContext2D, colour: string): void {
    const { width, height } = this.#size;
    const { column, row, scale } = this.#view;
    context.fillStyle = colour;
    const line = scale > GRANULE_SCALE ? 2 : 1;
    for (let x = Math.ceil(column); x <= column + width / scale; x++) {
      context.fillRect(Math.round((x - column) * scale), 0, line, height);
    }
    for (let y = Math.ceil(row); y <= row + height / scale; y++) {
      context.fillRect(0, Math.round((y - row) * scale), width, line);
    }
  }

  #frameRect(context: CanvasRenderingContext2D, frame: number, colour: string, line: number): void {
    const { column, row, scale } = this.#view;
    const side = Math.max(MARK_SIDE_MIN, scale);
    const x = ((frame % this.#shape.columns) - column) * scale - (side - scale) / 2;
    const y = (Math.floor(frame / this.#shape.columns) - row) * scale - (side - scale) / 2;
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(Math.round(x), Math.round(y), Math.round(side), Math.round(side));
  }

  /** Paints the blocks within the pages that are seen; those that are not known yet are asked for. */
  #drawGranules(context: CanvasRenderingContext2D): void {
    const { column, row, scale } = this.#view;
    const rows = visibleRows(this.#view, this.#shape, this.pageCount, this.#size);
    const missing: number[] = [];
    for (const [first, count] of rows) {
      for (let frame = first; frame < first + count; frame++) {
        const states = this.#granules.get(frame);
        if (states === undefined) missing.push(frame);
        if (states?.[PAGE_GRANULES - 1] === undefined || states.every((state) => state === 0)) continue;
        const x = Math.round(((frame % this.#shape.columns) - column) * scale);
        const y = Math.round((Math.floor(frame / this.#shape.columns) - row) * scale);
        this.#paintGranules(states);
        context.imageSmoothingEnabled = false;
        context.drawImage(this.#detail, x, y, Math.ceil(scale), Math.ceil(scale));
      }
    }
    if (missing.length > 0) void this.#ask(missing);
  }

  #paintGranules(states: Uint8Array): void {
    this.#detail.width = GRANULE_SIDE;
    this.#detail.height = GRANULE_SIDE;
    const context = this.#detail.getContext("2d")!;
    const image = context.createImageData(GRANULE_SIDE, GRANULE_SIDE);
    const { granules } = PALETTES[this.#theme];
    for (const [place, state] of states.entries()) {
      const isStart = state >= START_MARK;
      const [red, green, blue] = granules[isStart ? state - START_MARK : state]!;
      // The first granule of a block is a little darker, so that blocks can be told apart.
      const shade = isStart ? 0.78 : 1;
      image.data.set([red * shade, green * shade, blue * shade, 255], place * 4);
    }
    context.putImageData(image, 0, 0);
  }

  async #ask(frames: readonly number[]): Promise<void> {
    if (this.#isWaiting || this.#wantGranules === undefined) return;
    this.#isWaiting = true;
    try {
      const states = await this.#wantGranules(frames);
      for (const [place, frame] of frames.entries()) {
        this.#granules.set(frame, states.subarray(place * PAGE_GRANULES, (place + 1) * PAGE_GRANULES));
      }
      this.redraw();
    } catch {
      // The dump has been closed meanwhile.
    } finally {
      this.#isWaiting = false;
    }
  }
}

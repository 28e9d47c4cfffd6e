/** What part of a map is seen: the cell at the upper left corner, and the size of a cell. Pixels are the canvas's. */
export interface MapView {
  readonly column: number;
  readonly row: number;
  /** Pixels of a cell's side. */
  readonly scale: number;
}

/** How pages are laid out: in rows, each a power of two long. */
export interface MapShape {
  readonly columns: number;
  readonly rows: number;
}

/** A rectangle in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const COLUMNS_MIN = 16;
const SCALE_MAX = 320;
/** A map of few pages is not blown up to more than this at first. */
const FIT_SCALE_MAX = 28;

/** Rows and columns for so many pages that fill a canvas best. */
export function shapeFor(pageCount: number, { width, height }: Size): MapShape {
  const ideal = Math.sqrt((Math.max(1, pageCount) * Math.max(1, width)) / Math.max(1, height));
  const columns = Math.max(COLUMNS_MIN, 2 ** Math.round(Math.log2(ideal)));
  return { columns, rows: Math.max(1, Math.ceil(pageCount / columns)) };
}

/** The view that has all of a map in it. */
export function fitView({ columns, rows }: MapShape, { width, height }: Size): MapView {
  const scale = Math.min(FIT_SCALE_MAX, width / columns, height / rows);
  return { scale, column: (columns - width / scale) / 2, row: 0 };
}

/** The view with its scale changed by a factor, in which the cell at a point stays where it is. */
export function zoomView(view: MapView, shape: MapShape, size: Size, factor: number, x: number, y: number): MapView {
  const least = Math.min(fitView(shape, size).scale, 1);
  const scale = Math.max(least, Math.min(SCALE_MAX, view.scale * factor));
  const column = view.column + x / view.scale - x / scale;
  const row = view.row + y / view.scale - y / scale;
  return clampView({ scale, column, row }, shape, size);
}

/** The view moved so that the map stays to be seen. */
export function clampView(
  { scale, column, row }: MapView,
  { columns, rows }: MapShape,
  { width, height }: Size,
): MapView {
  // What fits stays where it is; of what does not, all of the canvas is covered.
  const bounded = (value: number, cells: number, seen: number, fitted: number): number =>
    cells <= seen ? fitted : Math.max(0, Math.min(cells - seen, value));
  const [across, down] = [width / scale, height / scale];
  return { scale, column: bounded(column, columns, across, (columns - across) / 2), row: bounded(row, rows, down, 0) };
}

/** The page at a point; undefined where there is none. */
export function frameAt(
  view: MapView,
  { columns }: MapShape,
  pageCount: number,
  x: number,
  y: number,
): number | undefined {
  const column = Math.floor(view.column + x / view.scale);
  const row = Math.floor(view.row + y / view.scale);
  if (column < 0 || column >= columns || row < 0) return undefined;
  const frame = row * columns + column;
  return frame < pageCount ? frame : undefined;
}

/** The view that has a page in its middle, with cells of a least size. */
export function viewOfFrame(view: MapView, shape: MapShape, size: Size, frame: number, leastScale: number): MapView {
  const scale = Math.min(SCALE_MAX, Math.max(view.scale, leastScale));
  const column = (frame % shape.columns) + 0.5 - size.width / scale / 2;
  const row = Math.floor(frame / shape.columns) + 0.5 - size.height / scale / 2;
  return clampView({ scale, column, row }, shape, size);
}

/** The pages that are to be seen, as pairs of first and count, a pair for each row. */
export function visibleRows(
  view: MapView,
  shape: MapShape,
  pageCount: number,
  size: Size,
): [first: number, count: number][] {
  const firstRow = Math.max(0, Math.floor(view.row));
  const lastRow = Math.min(shape.rows - 1, Math.floor(view.row + size.height / view.scale));
  const firstColumn = Math.max(0, Math.floor(view.column));
  const lastColumn = Math.min(shape.columns - 1, Math.floor(view.column + size.width / view.scale));
  const rows: [number, number][] = [];
  for (let row = firstRow; row <= lastRow; row++) {
    const first = row * shape.columns + firstColumn;
    const count = Math.min(lastColumn - firstColumn + 1, pageCount - first);
    if (count > 0) rows.push([first, count]);
  }
  return rows;
}

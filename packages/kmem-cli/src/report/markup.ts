/** Text for a page: nothing of what a file says is markup. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** One step of a way through a document. */
export type Step = string | number;

/** Prints figures of a document so that each says where in it it stands. */
export class FigureSource {
  readonly #document: unknown;

  constructor(document: unknown) {
    this.#document = document;
  }

  /** The value at the end of a way, undefined where there is none. */
  at(way: readonly Step[]): unknown {
    let value = this.#document;
    for (const step of way) value = (value as Record<Step, unknown> | undefined)?.[step];
    return value;
  }

  /** A number of the document, as `format` has it; a dash where there is none. */
  figure(way: readonly Step[], format: (value: number) => string): string {
    const value = this.at(way);
    if (typeof value !== "number") return '<span class="none">–</span>';
    return `<data value="${value}" data-from="/${way.join("/")}">${escaped(format(value))}</data>`;
  }
}

/** A cell of a table: markup, and whether it holds a figure. */
export interface Cell {
  readonly markup: string;
  readonly isFigure?: boolean;
  readonly isHead?: boolean;
  readonly look?: string;
  readonly style?: string;
}

export interface TableMarkup {
  readonly caption: string;
  readonly head: readonly Cell[];
  readonly rows: readonly (readonly Cell[])[];
}

export const head = (text: string): Cell => ({ markup: escaped(text), isHead: true });
export const headFigure = (text: string): Cell => ({ markup: escaped(text), isHead: true, isFigure: true });
export const figureCell = (markup: string, look?: string): Cell => ({
  markup,
  isFigure: true,
  ...(look === undefined ? {} : { look }),
});

/** A table that scrolls by itself where the page is too narrow. */
export function tableMarkup({ caption, head: first, rows }: TableMarkup): string {
  const body = rows.map((row) => `<tr>${row.map((cell) => cellMarkup(cell, "row")).join("")}</tr>`).join("\n");
  return `<div class="table" role="region" tabindex="0" aria-label="${escaped(caption)}"><table>
<caption>${escaped(caption)}</caption>
<thead><tr>${first.map((cell) => cellMarkup(cell, "col")).join("")}</tr></thead>
<tbody>
${body}
</tbody></table></div>`;
}

function cellMarkup({ markup, isFigure, isHead, look, style }: Cell, scope: "row" | "col"): string {
  const classes = [...(isFigure === true ? ["figure"] : []), ...(look === undefined ? [] : [look])];
  const attributes = [
    ...(isHead === true ? [` scope="${scope}"`] : []),
    ...(classes.length === 0 ? [] : [` class="${classes.join(" ")}"`]),
    ...(style === undefined ? [] : [` style="${style}"`]),
  ].join("");
  const name = isHead === true ? "th" : "td";
  return `<${name}${attributes}>${markup}</${name}>`;
}

/** What every drawing of the guide is made of: boxes, arrows and text, legible on light and dark pages. */

const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
const STYLE = `
text { font: 13px ${FONT}; fill: #1f2328; }
.small { font-size: 11px; fill: #57606a; }
.strong { font-weight: 600; }
.line { stroke: #57606a; stroke-width: 1.25; fill: none; }
.plain { fill: #ffffff; stroke: #57606a; }
.table { fill: #ddf4ff; stroke: #0969da; }
.live { fill: #ffebe9; stroke: #cf222e; }
.free { fill: #dafbe1; stroke: #1a7f37; }
.mark { fill: #fff8c5; stroke: #9a6700; }
.frame { fill: none; stroke: #57606a; stroke-dasharray: 6 4; }
.back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .line { stroke: #9198a1; }
  .plain { fill: #151b23; stroke: #9198a1; }
  .table { fill: #121d2f; stroke: #58a6ff; }
  .live { fill: #301b1e; stroke: #f85149; }
  .free { fill: #12261e; stroke: #3fb950; }
  .mark { fill: #272115; stroke: #d29922; }
  .frame { stroke: #9198a1; }
  .back { fill: #0d1117; }
}`;
const CORNER = 4;
const TEXT_LINE = 16;
const BASELINE = 4;

/** Which sort of thing a box stands for. */
export type Look = "plain" | "table" | "live" | "free" | "mark" | "frame";

/** What a drawing says about itself to those who cannot see it. */
export interface About {
  readonly title: string;
  readonly description: string;
}

/** A rectangle: left, top, width, height. */
export type Place = readonly [left: number, top: number, width: number, height: number];

/** A drawing in the making. */
export class Drawing {
  readonly #parts: string[] = [];
  readonly #about: About;

  constructor(about: About) {
    this.#about = about;
  }

  /** A box with lines of text in its middle. */
  box([left, top, width, height]: Place, look: Look, lines: readonly string[] = []): void {
    this.#parts.push(
      `<rect class="${look}" x="${left}" y="${top}" width="${width}" height="${height}" rx="${CORNER}"/>`,
    );
    const first = top + height / 2 - ((lines.length - 1) * TEXT_LINE) / 2;
    for (const [index, line] of lines.entries()) {
      this.text(left + width / 2, first + index * TEXT_LINE, line, { look: index === 0 ? "" : "small" });
    }
  }

  /** Text around a point, or from it on. */
  text(x: number, y: number, text: string, { look = "", from = "middle" }: TextOptions = {}): void {
    const of = look === "" ? "" : ` class="${look}"`;
    this.#parts.push(`<text${of} x="${x}" y="${y + BASELINE}" text-anchor="${from}">${escaped(text)}</text>`);
  }

  /** A line with a head, through points. */
  arrow(...points: readonly (readonly [x: number, y: number])[]): void {
    const path = points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
    this.#parts.push(`<path class="line" d="${path}" marker-end="url(#head)"/>`);
  }

  /** The file. */
  svg(width: number, height: number): string {
    const { title, description } = this.#about;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
        'role="img" aria-labelledby="title description">',
      `<title id="title">${escaped(title)}</title>`,
      `<desc id="description">${escaped(description)}</desc>`,
      `<style>${STYLE}</style>`,
      '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" ' +
        'orient="auto-start-reverse"><path class="line" d="M1 1L7 4L1 7"/></marker></defs>',
      `<rect class="back" width="${width}" height="${height}"/>`,
      ...this.#parts,
      "</svg>",
      "",
    ].join("\n");
  }
}

/** How text stands. */
interface TextOptions {
  readonly look?: "" | "small" | "strong";
  readonly from?: "start" | "middle" | "end";
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

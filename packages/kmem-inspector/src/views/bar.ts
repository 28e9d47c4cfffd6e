import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

/** A part of a bar. */
export interface BarPart {
  readonly x: number;
  readonly width: number;
  readonly fill: string;
}

/** A part of a bar, as tall as the bar. */
export function svgRect({ x, width, fill }: BarPart): SVGTemplateResult {
  return svg`<rect x=${x} y="0" width=${width} height="100%" fill=${fill} />`;
}

/** A square of a colour, beside what it stands for. */
export function swatch(fill: string): TemplateResult {
  return html`<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
    <rect width="10" height="10" fill=${fill} />
  </svg>`;
}

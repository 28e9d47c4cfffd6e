import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

/** A part of a bar. */
export interface BarPart {
  readonly x: number;
  readonly width: number;
  readonly fill: string;
}

/** What a bar shows one after the other, each in its colour. */
export interface BarShare {
  readonly value: number;
  readonly fill: string;
}

/**
 * The parts of a bar that is `width` wide and stands for `whole`. A damaged heap has shares below 0 and beyond the
 * whole: none is drawn to the left of where it begins, and none beyond the bar.
 */
export function barParts(shares: readonly BarShare[], whole: number, width: number): BarPart[] {
  let x = 0;
  return shares.map(({ value, fill }) => {
    const part = { x, width: Math.min(width - x, Math.max(0, (width * value) / Math.max(1, whole))), fill };
    x += part.width;
    return part;
  });
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

import { type SVGTemplateResult, svg } from "lit";

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

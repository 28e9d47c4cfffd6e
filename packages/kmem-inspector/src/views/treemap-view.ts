import {
  type CSSResult,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  svg,
  type TemplateResult,
} from "lit";
import { colourOf, cssColour, type Theme } from "../draw/palette.ts";
import { treemap } from "../draw/treemap.ts";
import { formatBytes } from "./format.ts";
import { baseStyles } from "./styles.ts";

/** A part of a whole, by its bytes. */
export interface TreemapItem {
  readonly key: string;
  readonly label: string;
  readonly bytes: number;
}

const WIDTH = 1200;
const HEIGHT = 220;
/** Tiles that are shown; what is left is one more. */
const TILES_SHOWN = 40;
const TEXT_WIDTH_MIN = 60;
const TEXT_HEIGHT_MIN = 30;
const LETTER_WIDTH = 8;
const PADDING = 6;

/** Parts of a whole as areas, the largest first. Fires `pick` with the key of one; a table beside it has the figures. */
export class TreemapView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    label: {},
    items: { attribute: false },
    theme: {},
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: block;
        margin-bottom: 12px;
      }
      svg {
        display: block;
        width: 100%;
        height: auto;
      }
      rect {
        stroke: var(--ground);
        stroke-width: 2;
      }
      text {
        fill: #0b0d10;
        font-size: 12px;
        pointer-events: none;
      }
      .name {
        font-weight: 600;
      }
    `,
  ];

  declare label: string;
  declare items: readonly TreemapItem[];
  declare theme: Theme;

  protected override render(): TemplateResult | typeof nothing {
    const items = shownItems(this.items);
    if (items.length === 0) return nothing;
    const tiles = treemap(
      items.map(({ bytes }) => bytes),
      WIDTH,
      HEIGHT,
    );
    return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${this.label}>
      ${items.map(({ key, label, bytes }, place) => {
        const { x, y, width, height } = tiles[place]!;
        const fill = cssColour(colourOf(this.theme, "categories", place + 1));
        const hasText = width > TEXT_WIDTH_MIN && height > TEXT_HEIGHT_MIN;
        const letters = Math.floor((width - 2 * PADDING) / LETTER_WIDTH);
        const name = shortened(label, letters);
        const size = formatBytes(bytes);
        return svg`<g @click=${() => this.#pick(key)}>
          <rect x=${x} y=${y} width=${width} height=${height} fill=${fill}><title>${label}: ${size}</title></rect>
          ${hasText ? svg`<text class="name" x=${x + PADDING} y=${y + 16}>${name}</text>` : nothing}
          ${hasText ? svg`<text x=${x + PADDING} y=${y + 30}>${size}</text>` : nothing}
        </g>`;
      })}
    </svg>`;
  }

  #pick(key: string): void {
    this.dispatchEvent(new CustomEvent("pick", { detail: key }));
  }
}

/** The largest, and one for all that are left. */
function shownItems(items: readonly TreemapItem[] = []): readonly TreemapItem[] {
  const sorted = items.filter(({ bytes }) => bytes > 0).toSorted((one, other) => other.bytes - one.bytes);
  const rest = sorted.slice(TILES_SHOWN);
  if (rest.length === 0) return sorted;
  const bytes = rest.reduce((sum, item) => sum + item.bytes, 0);
  const all = [...sorted.slice(0, TILES_SHOWN), { key: "", label: `${rest.length} more`, bytes }];
  return all.toSorted((one, other) => other.bytes - one.bytes);
}

function shortened(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, Math.max(0, letters - 1))}…`;
}

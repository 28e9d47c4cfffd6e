import { type CSSResult, css, html, LitElement, type PropertyDeclarations, type TemplateResult } from "lit";
import { type MapContents, MemoryMap } from "../draw/memory-map.ts";
import { colourOf, cssColour, type Theme } from "../draw/palette.ts";
import { swatch } from "./bar.ts";
import { formatCount } from "./format.ts";
import { MapPointer } from "./map-pointer.ts";
import { baseStyles } from "./styles.ts";

/**
 * A map of pages with its legend and nothing else. Fires `go` with the number of a page that is picked, and `move` with
 * the part that is shown when that is another.
 */
export class PlainMap extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    label: {},
    contents: { attribute: false },
    theme: {},
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      canvas {
        width: 100%;
        flex: 1;
        min-height: 200px;
        border: 1px solid var(--line);
        border-radius: 4px;
        touch-action: none;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 14px;
        margin-top: 4px;
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  declare label: string;
  declare contents: MapContents | undefined;
  declare theme: Theme;
  #map: MemoryMap | undefined;
  #observer: ResizeObserver | undefined;

  /** The map that is drawn. */
  get map(): MemoryMap | undefined {
    return this.#map;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
  }

  protected override firstUpdated(): void {
    const canvas = this.renderRoot.querySelector("canvas")!;
    this.#map = new MemoryMap(canvas);
    const pick = (frame: number): void => void this.dispatchEvent(new CustomEvent("go", { detail: frame }));
    new MapPointer(canvas, this.#map, { hover: () => undefined, pick });
    this.#map.onMove = (detail) => void this.dispatchEvent(new CustomEvent("move", { detail }));
    this.#observer = new ResizeObserver(() => this.#map?.resize());
    this.#observer.observe(canvas);
    this.#map.resize();
  }

  protected override updated(): void {
    if (this.contents !== undefined) this.#map?.show(this.contents, this.theme);
  }

  protected override render(): TemplateResult {
    const { contents } = this;
    const steps = Math.max(...(contents?.legend.map(({ value }) => value) ?? []), 1);
    return html`
      <canvas
        tabindex="0"
        role="application"
        aria-label="${this.label}. Arrow keys move, plus and minus zoom, 0 shows all."
      ></canvas>
      <div class="legend">
        ${contents?.legend.map(({ value, label, pages }) => {
          const fill = cssColour(colourOf(this.theme, contents.scale, value, steps));
          return html`<span data-label=${label}>
            ${swatch(fill)}
            ${label} <span class="soft">${formatCount(pages)}</span>
          </span>`;
        })}
      </div>
    `;
  }
}

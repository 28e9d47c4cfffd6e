import { PAGE_SIZE } from "kmem";
import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { MemoryMap } from "../draw/memory-map.ts";
import { colourOf, cssColour, type Theme } from "../draw/palette.ts";
import { hex, type OrderAnswer, parseAddress } from "../dump/answers.ts";
import { MAP_MODES, type MapLayer, type MapMode } from "../dump/frame-modes.ts";
import type { DumpSession } from "../work/dump-session.ts";
import { swatch } from "./bar.ts";
import { formatBytes, formatCount, formatPercent } from "./format.ts";
import { goTo } from "./go.ts";
import { MapPointer } from "./map-pointer.ts";
import { savePicture } from "./save.ts";
import { baseStyles } from "./styles.ts";

const ORDERS = Array.from({ length: 11 }, (_, order) => order);
const ZOOM_STEP = 1.5;

/** The map of the memory with its legend. Fires `go` with an address, and `mode` with another mode. */
export class MapView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { attribute: false },
    mode: {},
    theme: {},
    address: { attribute: false },
    marked: { attribute: false },
    isToBeFound: { attribute: false },
    layer: { state: true },
    hovered: { state: true },
    orderAnswer: { state: true },
    order: { state: true },
    problem: { state: true },
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: grid;
        grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr) 380px;
        gap: 8px 12px;
        height: 100%;
        min-height: 0;
      }
      .tools {
        grid-column: 1 / 3;
      }
      canvas {
        grid-area: 2 / 1 / 3 / 2;
        width: 100%;
        height: 100%;
        min-height: 240px;
        border: 1px solid var(--line);
        border-radius: 4px;
        touch-action: none;
        cursor: crosshair;
      }
      .side {
        grid-area: 2 / 2 / 4 / 3;
        overflow-y: auto;
        min-height: 0;
        padding-right: 4px;
      }
      .status {
        grid-area: 3 / 1 / 4 / 2;
        min-height: 20px;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .legend {
        list-style: none;
        margin: 0 0 12px;
        padding: 0;
        columns: 1;
      }
      .legend li {
        display: flex;
        gap: 8px;
        align-items: baseline;
        font-variant-numeric: tabular-nums;
      }
      .legend .label {
        flex: 1;
      }
      form {
        display: inline-flex;
        gap: 6px;
        align-items: center;
      }
      input {
        width: 13ch;
      }
      @media (max-width: 820px) {
        :host {
          grid-template: auto 60vh auto auto / minmax(0, 1fr);
        }
        .tools {
          grid-column: 1;
        }
        .side {
          grid-area: 4 / 1 / 5 / 2;
        }
      }
    `,
  ];

  declare session: DumpSession;
  declare mode: MapMode;
  declare theme: Theme;
  declare address: number | undefined;
  declare marked: readonly number[];
  declare isToBeFound: boolean;
  declare private layer: MapLayer | undefined;
  declare private hovered: number | undefined;
  declare private orderAnswer: OrderAnswer | undefined;
  declare private order: number;
  declare private problem: string;
  #map: MemoryMap | undefined;
  #observer: ResizeObserver | undefined;

  constructor() {
    super();
    this.marked = [];
    this.order = 5;
    this.problem = "";
    this.isToBeFound = false;
  }

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
    this.#map = new MemoryMap(canvas, (frames) => this.session.calls.granules(frames));
    new MapPointer(canvas, this.#map, {
      hover: (frame) => {
        this.hovered = frame;
      },
      pick: (frame) => this.#go(frame * PAGE_SIZE),
    });
    this.#observer = new ResizeObserver(() => this.#map?.resize());
    this.#observer.observe(canvas);
    this.#map.resize();
    this.#showLayer();
  }

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("session") || changed.has("mode")) void this.#askLayer();
    if (changed.has("session")) this.orderAnswer = undefined;
  }

  protected override updated(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("layer") || changed.has("theme")) this.#showLayer();
    if (changed.has("marked")) this.#map?.mark(this.marked);
    if (changed.has("address") || changed.has("layer")) this.#showSelected();
  }

  async #askLayer(): Promise<void> {
    const { session, mode } = this;
    try {
      const layer = await session.layer(mode);
      if (session === this.session && mode === this.mode) this.layer = layer;
    } catch (error) {
      this.problem = String(error);
    }
  }

  #showLayer(): void {
    if (this.layer === undefined || this.#map === undefined) return;
    this.#map.show(this.layer, this.theme);
    this.#map.mark(this.marked);
    if (this.dataset["drawn"] === undefined) {
      this.dataset["drawn"] = "";
      performance.mark("kmem-inspector-first-picture");
    }
  }

  #showSelected(): void {
    if (this.layer === undefined) return;
    this.#map?.select(this.address === undefined ? undefined : Math.floor(this.address / PAGE_SIZE), this.isToBeFound);
  }

  protected override render(): TemplateResult {
    const tables = this.session.outline.problem;
    return html`
      <div class="tools row">
        <span class="group" role="group" aria-label="What the map shows">
          ${MAP_MODES.map(({ id, label }) => this.#modeButton(id, label))}
        </span>
        <span class="group" role="group" aria-label="Zoom">
          <button @click=${() => this.#map?.zoom(1 / ZOOM_STEP)} aria-label="Zoom out">−</button>
          <button @click=${() => this.#map?.zoom(ZOOM_STEP)} aria-label="Zoom in">+</button>
          <button @click=${() => this.#map?.fit()}>All</button>
        </span>
        <form @submit=${this.#findAddress}>
          <label for="address">What lives at</label>
          <input id="address" class="mono" placeholder="0x…" autocomplete="off" spellcheck="false" />
          <button>Find</button>
        </form>
        <form @submit=${this.#findOrder}>
          <label for="order">What is in the way of a free block of order</label>
          <select
            id="order"
            @change=${({ target }: Event) => {
              this.order = Number((target as HTMLSelectElement).value);
            }}
          >
            ${ORDERS.map((order) => html`<option ?selected=${order === this.order}>${order}</option>`)}
          </select>
          <button>Show</button>
        </form>
        <span class="grow"></span>
        <button @click=${this.#savePicture}>PNG</button>
      </div>
      <canvas
        tabindex="0"
        role="application"
        aria-label="Memory map, a cell for each page. Arrow keys move, plus and minus zoom, 0 shows all."
      ></canvas>
      <div class="side">
        ${this.problem === "" ? nothing : html`<p class="bad">${this.problem}</p>`}
        ${tables === undefined ? nothing : html`<p class="bad">There is no map of states: ${tables}.</p>`}
        ${this.#legend()} ${this.#orderText()}
        <slot></slot>
      </div>
      <div class="status" role="status">${this.#statusText()}</div>
    `;
  }

  #modeButton(id: MapMode, label: string): TemplateResult {
    const isUseless = id === "age" && !this.session.outline.isDebugged;
    return html`<button
      aria-pressed=${id === this.mode}
      ?disabled=${isUseless}
      title=${isUseless ? "Ages are kept in debugged heaps only" : ""}
      @click=${() => this.dispatchEvent(new CustomEvent("mode", { detail: id }))}
    >
      ${label}
    </button>`;
  }

  #legend(): TemplateResult | typeof nothing {
    const { layer } = this;
    if (layer === undefined) return nothing;
    const steps = Math.max(...layer.legend.map(({ value }) => value), 1);
    const pages = this.session.outline.pageCount;
    return html`
      <h2>Pages</h2>
      <ul class="legend">
        ${layer.legend.map(({ value, label, pages: count }) => {
          const colour = cssColour(colourOf(this.theme, layer.scale, value, steps));
          return html`<li data-label=${label}>
            ${swatch(colour)}
            <span class="label">${label}</span>
            <span class="count">${formatCount(count)}</span>
            <span class="soft number">${formatPercent(count / Math.max(1, pages))}</span>
          </li>`;
        })}
      </ul>
    `;
  }

  #orderText(): TemplateResult | typeof nothing {
    const answer = this.orderAnswer;
    if (answer === undefined) return nothing;
    const { order, freeCount, firstFrame, usedPages, holders } = answer;
    if (freeCount > 0) {
      return html`<h2>A free block of order ${order}</h2>
        <p id="order-answer">Nothing is in the way: there are ${formatCount(freeCount)} of that order or more.</p>`;
    }
    if (firstFrame === undefined) {
      return html`<h2>A free block of order ${order}</h2>
        <p id="order-answer">The heap has no stretch of ${formatCount(2 ** order)} pages at a multiple of that.</p>`;
    }
    return html`<h2>A free block of order ${order}</h2>
      <p id="order-answer">
        The least is in the way at ${this.#link(firstFrame * PAGE_SIZE)}: ${formatCount(usedPages)} of
        ${formatCount(2 ** order)} pages, held by
      </p>
      <ul>
        ${holders.map(({ firstFrame: first, text }) => html`<li>${this.#link(first * PAGE_SIZE)} ${text}</li>`)}
      </ul>`;
  }

  #statusText(): string {
    const { hovered, layer } = this;
    if (hovered === undefined || layer === undefined)
      return `${formatCount(this.session.outline.pageCount)} pages of 4 KiB`;
    const value = layer.values[hovered];
    const label = layer.legend.find((entry) => entry.value === value)?.label ?? "";
    return `page ${formatCount(hovered)} · ${hex(hovered * PAGE_SIZE)} · ${label}`;
  }

  #link(address: number): TemplateResult {
    return html`<button class="link mono" @click=${() => this.#go(address, true)}>${hex(address)}</button>`;
  }

  #findAddress(event: SubmitEvent): void {
    event.preventDefault();
    const { value } = this.renderRoot.querySelector<HTMLInputElement>("#address")!;
    const address = parseAddress(value);
    const endAddress = this.session.outline.pageCount * PAGE_SIZE;
    if (address === undefined) this.problem = "An address is a number, as 0x12340 or 74560.";
    else if (address >= endAddress) this.problem = `The memory ends at ${hex(endAddress)}, ${formatBytes(endAddress)}.`;
    else this.#go(address, true);
  }

  async #findOrder(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    this.orderAnswer = await this.session.calls.order(this.order);
    if (this.orderAnswer.firstFrame !== undefined && this.orderAnswer.freeCount === 0) {
      this.#map?.select(this.orderAnswer.firstFrame);
    }
  }

  #go(address: number, isToBeFound = false): void {
    this.problem = "";
    goTo(this, address, isToBeFound);
  }

  #savePicture(): void {
    savePicture(`${this.session.place.name}-map.png`, this.renderRoot.querySelector("canvas")!);
  }
}

import { PAGE_SIZE } from "kmem";
import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { MapView } from "../draw/map-geometry.ts";
import type { Theme } from "../draw/palette.ts";
import type { Comparison } from "../dump/comparison.ts";
import type { MapLayer } from "../dump/frame-modes.ts";
import type { FilePlace } from "../sources/opened-file.ts";
import { problemText } from "../sources/problem-text.ts";
import type { DumpSession } from "../work/dump-session.ts";
import { formatBytes, formatCount } from "./format.ts";
import { goTo } from "./go.ts";
import type { PlainMap } from "./plain-map.ts";
import { baseStyles } from "./styles.ts";
import type { Column } from "./table-view.ts";

const COLUMNS: readonly Column[] = [
  { id: "name", label: "Cache", kind: "text" },
  { id: "before", label: "Live before", kind: "count" },
  { id: "after", label: "Live after", kind: "count" },
  { id: "came", label: "Came", kind: "count" },
  { id: "went", label: "Went", kind: "count" },
];

/** Two dumps side by side: what came and what went. Fires `go` with an address, and `earlier` with a file. */
export class CompareView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { attribute: false },
    earlier: { attribute: false },
    theme: {},
    comparison: { state: true },
    problem: { state: true },
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .split {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        gap: 0 24px;
        margin-bottom: 18px;
      }
      kmem-inspector-plain-map {
        height: min(46vh, 440px);
      }
      @media (max-width: 820px) {
        .split {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  declare session: DumpSession;
  declare earlier: FilePlace | undefined;
  declare theme: Theme;
  declare private comparison: Comparison | undefined;
  declare private problem: string | undefined;

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("session") || changed.has("earlier")) void this.#compare();
  }

  async #compare(): Promise<void> {
    const { session, earlier } = this;
    this.comparison = undefined;
    this.problem = undefined;
    if (earlier === undefined) return;
    try {
      this.comparison = await session.calls.compare(earlier);
    } catch (error) {
      this.problem = problemText(error);
    }
  }

  protected override render(): TemplateResult {
    const { earlier, comparison, problem } = this;
    const isBusy = earlier !== undefined && comparison === undefined && problem === undefined;
    return html`
      <div class="row">
        <label for="earlier">The earlier dump</label>
        <input id="earlier" type="file" @change=${this.#choose} />
        <span class="soft">${earlier === undefined ? "" : `${earlier.name}, then ${this.session.place.name}`}</span>
      </div>
      ${problem === undefined ? nothing : html`<p class="bad">${problem}</p>`}
      ${isBusy ? html`<p role="status">Comparing…</p>` : nothing}
      ${comparison === undefined ? nothing : this.#result(comparison)}
    `;
  }

  #result({
    caches,
    beforeLayer,
    afterLayer,
    cameBlocks,
    wentBlocks,
    cameBytes,
    wentBytes,
  }: Comparison): TemplateResult {
    const rows = caches.map(({ name, ...cells }) => ({ key: name, cells: { name, ...cells } }));
    return html`
      <p id="comparison">
        ${formatCount(cameBlocks)} blocks of ${formatBytes(cameBytes)} came, ${formatCount(wentBlocks)} of
        ${formatBytes(wentBytes)} went.
      </p>
      <div class="split">
        ${this.#map("before", `Before: ${this.earlier?.name}`, beforeLayer)}
        ${this.#map("after", `After: ${this.session.place.name}`, afterLayer)}
      </div>
      <kmem-inspector-table id="changes" label="By cache" .columns=${COLUMNS} .rows=${rows}></kmem-inspector-table>
    `;
  }

  #map(id: string, title: string, layer: MapLayer): TemplateResult {
    return html`<section>
      <h2>${title}</h2>
      <kmem-inspector-plain-map
        id=${id}
        label="Pages ${id}"
        .contents=${layer}
        theme=${this.theme}
        @go=${(event: CustomEvent<number>) => goTo(this, event.detail * PAGE_SIZE)}
        @move=${(event: CustomEvent<MapView>) => this.#follow(id, event.detail)}
      ></kmem-inspector-plain-map>
    </section>`;
  }

  /** Has the other map show the same part, where both have as many pages in a row. */
  #follow(id: string, view: MapView): void {
    const [moved, other] = (id === "before" ? ["before", "after"] : ["after", "before"]).map(
      (one) => this.renderRoot.querySelector<PlainMap>(`#${one}`)?.map,
    );
    if (moved?.columns === other?.columns) other?.follow(view);
  }

  #choose(event: Event): void {
    const [blob] = (event.target as HTMLInputElement).files ?? [];
    if (blob !== undefined) this.dispatchEvent(new CustomEvent("earlier", { detail: { name: blob.name, blob } }));
  }
}

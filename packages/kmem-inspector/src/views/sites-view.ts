import type { DumpInfo } from "kmem";
import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { Theme } from "../draw/palette.ts";
import { hex } from "../dump/answers.ts";
import type { ChurnFigures, DumpFigures, SiteFigures } from "../dump/figures.ts";
import { goTo } from "./go.ts";
import { baseStyles } from "./styles.ts";
import { type Column, type Row, tableSection } from "./table-view.ts";

const SITE_COLUMNS: readonly Column[] = [
  { id: "site", label: "Allocated at", kind: "text" },
  { id: "blocks", label: "Live", kind: "count" },
  { id: "bytes", label: "Live bytes", kind: "bytes" },
  { id: "ageMin", label: "Youngest", kind: "ms" },
  { id: "ageMax", label: "Oldest", kind: "ms" },
  { id: "caches", label: "Caches", kind: "text" },
  { id: "slots", label: "Slots", kind: "text" },
];

const CHURN_COLUMNS: readonly Column[] = [
  { id: "site", label: "Allocated at", kind: "text" },
  { id: "allocCount", label: "Allocations", kind: "count" },
  { id: "allocBytes", label: "Allocated bytes", kind: "bytes" },
  { id: "live", label: "Still live", kind: "count" },
  { id: "gone", label: "Freed", kind: "share" },
];

const HOLDER_COLUMNS: readonly Column[] = [
  { id: "name", label: "Held by", kind: "text" },
  { id: "blocks", label: "Live", kind: "count" },
  { id: "bytes", label: "Live bytes", kind: "bytes" },
];

/** Who allocated the most, who leaks, who churns. Fires `go` with an address. */
export class SitesView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    figures: { attribute: false },
    theme: {},
    picked: { state: true },
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      section {
        margin-bottom: 22px;
      }
      pre {
        margin: 6px 0;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .addresses {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 12px;
        max-height: 90px;
        overflow-y: auto;
      }
    `,
  ];

  declare figures: DumpFigures | undefined;
  declare theme: Theme;
  declare private picked: string | undefined;

  protected override render(): TemplateResult {
    const { figures } = this;
    if (figures === undefined) return html`<p class="soft" role="status">Working the figures out…</p>`;
    const { people, info } = figures;
    const { sites, churn } = people ?? { sites: [], churn: [] };
    return html`
      ${sites.length === 0 ? nothing : this.#sites(sites)}
      ${
        churn.length === 0
          ? nothing
          : tableSection({
              id: "churn",
              label: "Who allocates most often",
              columns: CHURN_COLUMNS,
              rows: churnRows(churn),
            })
      }
      ${
        people === undefined || sites.length > 0
          ? nothing
          : html`<p class="soft">
              The heap is not debugged, so that nobody knows who allocated its blocks: a DebugHeap keeps call stacks.
            </p>`
      }
      ${info === undefined ? nothing : this.#holders(info)}
    `;
  }

  #sites(sites: readonly SiteFigures[]): TemplateResult {
    const picked = sites.find(({ stack }) => stack === this.picked);
    return html`<section>
      <kmem-inspector-treemap
        id="sites-treemap"
        label="Live bytes by call site"
        theme=${this.theme}
        .items=${sites.map(({ stack, bytes }) => ({ key: stack, label: functionName(stack), bytes }))}
        @pick=${(event: CustomEvent<string>) => (this.picked = event.detail)}
      ></kmem-inspector-treemap>
      <kmem-inspector-table
        id="sites"
        label="Who has what is live"
        pickable
        .picked=${this.picked}
        .columns=${SITE_COLUMNS}
        .rows=${sites.map(siteRow)}
        @pick=${(event: CustomEvent<string>) => (this.picked = event.detail)}
      ></kmem-inspector-table>
      ${
        picked === undefined
          ? nothing
          : html`<h3>Call stack</h3>
              <pre class="mono" id="stack">${picked.stack || "(none was kept)"}</pre>
              <h3>Its objects</h3>
              <div class="addresses">
                ${picked.addresses.map(
                  (address) =>
                    html`<button class="link mono" @click=${() => goTo(this, address)}>${hex(address)}</button>`,
                )}
              </div>`
      }
    </section>`;
  }

  #holders({ stats, slots }: DumpInfo): TemplateResult {
    const caches = stats.caches
      .map(({ name, liveBlocks, blockBytes }) => holderRow(name, liveBlocks, liveBlocks * blockBytes))
      .filter(({ cells }) => Number(cells["blocks"]) > 0)
      .sort((one, other) => Number(other.cells["bytes"]) - Number(one.cells["bytes"]));
    const bySlot = slots.map(({ slot, liveBlocks, liveBytes }) => holderRow(`slot ${slot}`, liveBlocks, liveBytes));
    return html`
      <section>
        <kmem-inspector-treemap
          id="caches-treemap"
          label="Live bytes by cache"
          theme=${this.theme}
          .items=${caches.map(({ key, cells }) => ({ key, label: key, bytes: Number(cells["bytes"]) }))}
        ></kmem-inspector-treemap>
      </section>
      ${tableSection({ id: "held-caches", label: "Live by cache", columns: HOLDER_COLUMNS, rows: caches })}
      ${tableSection({ id: "held-slots", label: "Live by slot", columns: HOLDER_COLUMNS, rows: bySlot })}
    `;
  }
}

function holderRow(name: string, blocks: number, bytes: number): Row {
  return { key: name, cells: { name, blocks, bytes } };
}

/** The innermost frame of a stack, and how many more there are. */
function siteName(stack: string): string {
  return (stack.split("\n")[0] ?? "").trim().replace(/^at /, "") || "(unknown)";
}

/** The function of the innermost frame. */
function functionName(stack: string): string {
  return siteName(stack).replace(/ \(.*\)$/, "");
}

function siteRow({ stack, blocks, bytes, ageMinMs, ageMaxMs, caches, slots }: SiteFigures): Row {
  const cells = { site: siteName(stack), blocks, bytes, ageMin: ageMinMs, ageMax: ageMaxMs };
  return { key: stack, cells: { ...cells, caches: caches.join(", "), slots: slots.join(", ") } };
}

function churnRows(churn: readonly ChurnFigures[]): Row[] {
  return churn.map(({ stack, allocCount, allocBytes, liveCount }) => {
    const gone = allocCount === 0 ? 0 : 1 - liveCount / allocCount;
    return { key: stack, cells: { site: siteName(stack), allocCount, allocBytes, live: liveCount, gone } };
  });
}

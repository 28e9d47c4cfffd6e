import { type ByteStats, type DumpInfo, PAGE_SIZE, type VmArea, type ZoneStats } from "kmem";
import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { cssColour, PALETTES, type Theme } from "../draw/palette.ts";
import { type CacheDetail, hex } from "../dump/answers.ts";
import { type DumpFigures, unusableIndex } from "../dump/figures.ts";
import type { DumpSession } from "../work/dump-session.ts";
import { barParts, svgRect, swatch } from "./bar.ts";
import { formatBytes, formatCount, formatPercent } from "./format.ts";
import { goTo } from "./go.ts";
import { baseStyles } from "./styles.ts";
import { type Column, type Row, tableSection } from "./table-view.ts";

/** The parts of a heap's bytes, as the bar has them: their names, and the places of their colours among the states. */
const BYTE_PARTS: readonly (readonly [keyof ByteStats, string, number])[] = [
  ["metadataBytes", "Header and tables", 1],
  ["liveSlabBytes", "Live blocks in slabs", 3],
  ["sheafBytes", "Free blocks in sheaves", 9],
  ["barnBytes", "Free blocks in barns", 9],
  ["freeSlabBytes", "Free blocks in slabs", 9],
  ["slabTailBytes", "Ends of slabs", 0],
  ["blockRunBytes", "Large blocks", 4],
  ["pageRunBytes", "Page runs", 5],
  ["slotBytes", "Private pages of slots", 6],
  ["pcpBytes", "Pcp lists", 9],
  ["bucketBytes", "Buckets", 7],
  ["vmallocBytes", "Virtual memory", 8],
  ["freePageBytes", "Free pages", 2],
];

/** As slabtop has them. */
const CACHE_COLUMNS: readonly Column[] = [
  { id: "name", label: "Cache", kind: "text" },
  { id: "objects", label: "Blocks", kind: "count" },
  { id: "live", label: "Live", kind: "count" },
  { id: "use", label: "Use", kind: "share" },
  { id: "blockBytes", label: "Block bytes", kind: "bytes" },
  { id: "objectBytes", label: "Object bytes", kind: "bytes" },
  { id: "slabs", label: "Slabs", kind: "count" },
  { id: "slabBlocks", label: "Blocks / slab", kind: "count" },
  { id: "sheaf", label: "In sheaves", kind: "count" },
  { id: "barn", label: "In barns", kind: "count" },
  { id: "free", label: "Free in slabs", kind: "count" },
  { id: "bytes", label: "Cache bytes", kind: "bytes" },
];

const SLOT_COLUMNS: readonly Column[] = [
  { id: "slot", label: "Slot", kind: "text" },
  { id: "state", label: "State", kind: "text" },
  { id: "generation", label: "Taken", kind: "count" },
  { id: "blocks", label: "Live blocks", kind: "count" },
  { id: "bytes", label: "Live bytes", kind: "bytes" },
  { id: "pages", label: "Page bytes", kind: "bytes" },
  { id: "cached", label: "Cached page bytes", kind: "bytes" },
];

const AREA_COLUMNS: readonly Column[] = [
  { id: "address", label: "Address", kind: "text" },
  { id: "asked", label: "Asked bytes", kind: "bytes" },
  { id: "pages", label: "Pages", kind: "count" },
  { id: "kind", label: "Call", kind: "text" },
  { id: "caller", label: "Caller", kind: "text" },
  { id: "slot", label: "Slot", kind: "text" },
];

/** Every layer in figures. Fires `go` with an address. */
export class LayersView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { attribute: false },
    figures: { attribute: false },
    theme: {},
    picked: { state: true },
    detail: { state: true },
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
      .bar {
        display: block;
        width: 100%;
        height: 22px;
        border-radius: 3px;
      }
      .parts {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(250px, 1fr));
        gap: 1px 24px;
        margin: 8px 0;
      }
      .parts div {
        display: flex;
        gap: 8px;
        align-items: baseline;
      }
      .parts dt {
        flex: 1;
      }
      .parts dd,
      .zones td {
        font-variant-numeric: tabular-nums;
      }
      .slabs {
        display: flex;
        flex-wrap: wrap;
        gap: 2px;
      }
      .slabs button {
        padding: 0;
        border: 0;
        min-height: 0;
        line-height: 0;
      }
      .scroll {
        overflow-x: auto;
      }
      .split {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(420px, 1fr));
        gap: 0 32px;
      }
    `,
  ];

  declare session: DumpSession;
  declare figures: DumpFigures | undefined;
  declare theme: Theme;
  declare private picked: string | undefined;
  declare private detail: CacheDetail | undefined;

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("session")) this.detail = undefined;
  }

  protected override render(): TemplateResult {
    const { figures } = this;
    if (figures === undefined) return html`<p class="soft" role="status">Working the figures out…</p>`;
    const { info, problem, people } = figures;
    const areas = people?.areas ?? [];
    if (info === undefined) return html`<p class="bad">The heap cannot be read: ${problem}.</p>`;
    return html`
      ${this.#bytes(info)} ${this.#zones(info.stats.zones)}
      <section>
        <kmem-inspector-table
          id="caches"
          label="Caches"
          pickable
          .picked=${this.picked}
          .columns=${CACHE_COLUMNS}
          .rows=${cacheRows(info)}
          @pick=${(event: CustomEvent<string>) => void this.#pick(event.detail)}
        ></kmem-inspector-table>
        ${this.detail === undefined ? nothing : this.#cache(this.detail)}
      </section>
      ${tableSection({ id: "slots", label: "Slots", columns: SLOT_COLUMNS, rows: slotRows(info) })}
      ${areas.length === 0 ? nothing : areasTable(areas)}
    `;
  }

  #bytes({ stats }: DumpInfo): TemplateResult {
    const { bytes, startAddress, endAddress, limitAddress, foreignBytes, footprintBytes, liveBlocks } = stats;
    const { states } = PALETTES[this.theme];
    const parts = BYTE_PARTS.map(([id, label, colour]) => ({
      id,
      label,
      value: bytes[id],
      fill: cssColour(states[colour]!),
    }));
    const lines: readonly (readonly [string, string, number])[] = [
      ["liveBlocks", "Live blocks", liveBlocks],
      ["footprintBytes", "Footprint", footprintBytes],
      ["totalBytes", "All bytes of the heap", bytes.totalBytes],
      ["foreignBytes", "Bytes of others between them", foreignBytes],
    ];
    return html`<section id="bytes">
      <h2>Where the bytes are</h2>
      <svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="Parts of the heap">
        ${barParts(parts, bytes.totalBytes, 1000).map((part) => svgRect(part))}
      </svg>
      <dl class="parts">
        ${parts.map(
          ({ id, label, value, fill }) => html`<div title=${formatBytes(value)}>
            ${swatch(fill)}
            <dt>${label}</dt>
            <dd data-figure="bytes.${id}">${formatCount(value)}</dd>
          </div>`,
        )}
      </dl>
      <dl class="parts">
        ${lines.map(
          ([id, label, value]) => html`<div title=${id === "liveBlocks" ? "" : formatBytes(value)}>
            <dt>${label}</dt>
            <dd data-figure=${id === "totalBytes" ? "bytes.totalBytes" : id}>${formatCount(value)}</dd>
          </div>`,
        )}
      </dl>
      <p class="soft">
        From <code>${hex(startAddress)}</code> to <code>${hex(endAddress)}</code>, may grow to
        <code>${hex(limitAddress)}</code>.
        ${startAddress === 0 ? "" : `Before it lie ${formatBytes(startAddress)} of a program: its data and stack.`}
      </p>
    </section>`;
  }

  #zones(zones: readonly ZoneStats[]): TemplateResult {
    const shown = zones.filter(({ pages }) => pages > 0);
    return html`<section class="zones">
      <h2>Zones and buddy lists</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Zones and buddy lists">
        <table>
          <thead>
            <tr>
              <th scope="col">Zone</th>
              <th scope="col" class="number">Pages</th>
              <th scope="col" class="number">Free</th>
              <th scope="col" class="number">Min</th>
              <th scope="col" class="number">Low</th>
              <th scope="col" class="number">High</th>
              <th scope="col">By order</th>
              ${shown[0]?.freeBlocksByOrder.map((_, order) => html`<th scope="col" class="number">${order}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${shown.map((zone) => this.#zone(zone))}
          </tbody>
        </table>
      </div>
      <p class="soft">
        Unusable: the share of the zone's free pages that no request of that order can be served from.
      </p>
    </section>`;
  }

  #zone({ name, pages, freePages, watermarkPages, freeBlocksByOrder }: ZoneStats): TemplateResult {
    const { min, low, high } = watermarkPages;
    const cells = [pages, freePages, min, low, high];
    const ids = ["pages", "freePages", "min", "low", "high"];
    return html`
      <tr data-zone=${name}>
        <th scope="row">${name}</th>
        ${cells.map((value, index) => html`<td class="number" data-figure=${ids[index]!}>${formatCount(value)}</td>`)}
        <td>free blocks</td>
        ${freeBlocksByOrder.map(
          (count, order) => html`<td class="number" data-order=${order}>${formatCount(count)}</td>`,
        )}
      </tr>
      <tr>
        <td colspan="6"></td>
        <td>unusable</td>
        ${unusableIndex(freeBlocksByOrder).map((share) => html`<td class="number soft">${formatPercent(share)}</td>`)}
      </tr>
    `;
  }

  #cache({ name, slabs, sheaves }: CacheDetail): TemplateResult {
    const { granules } = PALETTES[this.theme];
    const fills = [granules[1]!, granules[2]!, granules[3]!, granules[0]!].map((colour) => cssColour(colour));
    return html`
      <h3>Slabs of ${name}: live, in sheaves, in the barn, free</h3>
      <div class="slabs">
        ${slabs.map(({ firstFrame, live, sheaf, barn, free }) => {
          const counts = `${live} live, ${sheaf} in sheaves, ${barn} in the barn, ${free} free`;
          const text = `${hex(firstFrame * PAGE_SIZE)}: ${counts}`;
          return html`<button title=${text} aria-label=${text} @click=${() => goTo(this, firstFrame * PAGE_SIZE)}>
            <svg width="52" height="12" viewBox="0 0 52 12" aria-hidden="true">
              ${barParts(
                [live, sheaf, barn, free].map((value, index) => ({ value, fill: fills[index]! })),
                live + sheaf + barn + free,
                52,
              ).map((part) => svgRect(part))}
            </svg>
          </button>`;
        })}
      </div>
      <h3>Sheaves of ${name}</h3>
      <p>
        ${
          sheaves.length === 0
            ? "No slot has any of its blocks in a sheaf."
            : sheaves.map(({ slot, blocks }) => `slot ${slot}: ${formatCount(blocks)}`).join(", ")
        }
      </p>
    `;
  }

  async #pick(name: string): Promise<void> {
    this.picked = name;
    const cache = this.session.outline.caches.find((one) => one.name === name);
    this.detail = cache === undefined ? undefined : await this.session.calls.cache(cache.kind);
  }
}

function cacheRows({ stats }: DumpInfo): Row[] {
  return stats.caches.map((one) => {
    const objects = one.slabs * one.slabBlocks;
    const cells = {
      name: one.name,
      objects,
      live: one.liveBlocks,
      use: objects === 0 ? 0 : one.liveBlocks / objects,
      blockBytes: one.blockBytes,
      objectBytes: one.objectBytes,
      slabs: one.slabs,
      slabBlocks: one.slabBlocks,
      sheaf: one.sheafBlocks,
      barn: one.barnBlocks,
      free: one.freeBlocks,
      bytes: one.slabs * one.slabPages * PAGE_SIZE,
    };
    return { key: one.name, cells };
  });
}

function slotRows({ slots }: DumpInfo): Row[] {
  return slots.map(({ slot, state, generation, liveBlocks, liveBytes, pageBytes, cachedPageBytes }) => ({
    key: String(slot),
    isBad: state === "dead",
    cells: {
      slot: `slot ${slot}`,
      state,
      generation,
      blocks: liveBlocks,
      bytes: liveBytes,
      pages: pageBytes,
      cached: cachedPageBytes,
    },
  }));
}

function areasTable(areas: readonly VmArea[]): TemplateResult {
  const rows = areas.map(({ address, askedBytes, pageCount, kind, caller, slot }) => ({
    key: String(address),
    cells: { address: hex(address), asked: askedBytes, pages: pageCount, kind, caller, slot: slot ?? "" },
  }));
  return tableSection({ id: "areas", label: "Virtual areas", columns: AREA_COLUMNS, rows });
}

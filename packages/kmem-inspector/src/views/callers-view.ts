import type { FamilyReport, StatRow } from "kmem-cli/internal/insight/stat-report";
import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { TraceSession } from "../work/trace-session.ts";
import { baseStyles } from "./styles.ts";
import { type Column, type Row, tableSection } from "./table-view.ts";

const COLUMNS: readonly Column[] = [
  { id: "name", label: "Allocated by", kind: "text" },
  { id: "hit", label: "Allocations", kind: "count" },
  { id: "requested", label: "Requested bytes", kind: "bytes" },
  { id: "live", label: "Live at the end", kind: "count" },
  { id: "liveBytes", label: "Live bytes", kind: "bytes" },
  { id: "peak", label: "Peak live bytes", kind: "bytes" },
  { id: "temporary", label: "Temporary", kind: "count" },
];

/** Who allocates in a trace, who leaks and who churns: the figures of `kmem stat`. */
export class CallersView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { attribute: false },
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
        margin: 6px 0 14px;
      }
    `,
  ];

  declare session: TraceSession;
  declare private picked: string | undefined;

  protected override render(): TemplateResult {
    const { objects, pages, trace } = this.session.outline.report;
    const brokenCount = trace.broken.count;
    return html`
      <p class="bad" ?hidden=${brokenCount === 0}>${brokenCount} lines or events cannot be read.</p>
      ${this.#family("objects", "call site", objects)}
      ${pages.total.hitCount === 0 ? nothing : this.#family("pages", "call site, of pages", pages)}
    `;
  }

  #family(id: string, what: string, { sites, caches, threads }: FamilyReport): TemplateResult {
    const frames = sites.map(rowOf).find(({ key }) => key === this.picked);
    const picked = frames === undefined ? undefined : sites.find((row, place) => keyOf(row, place) === this.picked);
    return html`
      <section>
        <kmem-inspector-table
          id="${id}-sites"
          label="By ${what}"
          pickable
          .picked=${this.picked}
          .columns=${COLUMNS}
          .rows=${sites.map(rowOf)}
          @pick=${(event: CustomEvent<string>) => (this.picked = event.detail)}
        ></kmem-inspector-table>
        ${picked === undefined ? nothing : html`<pre class="mono">${(picked.frames ?? [picked.name]).join("\n")}</pre>`}
      </section>
      ${tableSection({
        id: `${id}-caches`,
        label: id === "pages" ? "By order" : "By cache",
        columns: COLUMNS,
        rows: caches.map(rowOf),
      })}
      ${tableSection({ id: `${id}-threads`, label: "By thread", columns: COLUMNS, rows: threads.map(rowOf) })}
    `;
  }
}

function keyOf({ name, frames = [] }: StatRow, place: number): string {
  return `${place} ${name} ${frames.join(" ")}`;
}

function rowOf(row: StatRow, place: number): Row {
  const { name, hitCount, requestedBytes, liveCount, liveBytes, peakLiveBytes, temporaryCount } = row;
  const cells = { name, hit: hitCount, requested: requestedBytes, live: liveCount, liveBytes };
  return { key: keyOf(row, place), cells: { ...cells, peak: peakLiveBytes, temporary: temporaryCount } };
}

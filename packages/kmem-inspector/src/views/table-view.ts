import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { formatBytes, formatCount, formatMs, formatPercent } from "./format.ts";
import { csvText, saveFile } from "./save.ts";
import { baseStyles } from "./styles.ts";

/** What the cells of a column are. Bytes are shown exactly, with the unit that suits them as the title. */
export type CellKind = "text" | "count" | "bytes" | "share" | "ms";

/** A column of a table. */
export interface Column {
  readonly id: string;
  readonly label: string;
  readonly kind: CellKind;
}

/** A row of a table: its cells by the ids of the columns. */
export interface Row {
  readonly key: string;
  readonly cells: Readonly<Record<string, string | number>>;
  /** Whether there is something wrong with it. */
  readonly isBad?: boolean;
}

const FORMATS: Readonly<Record<Exclude<CellKind, "text">, (value: number) => string>> = {
  count: formatCount,
  bytes: formatCount,
  share: formatPercent,
  ms: formatMs,
};

/** A table whose rows cannot be picked. */
export interface PlainTable {
  readonly id: string;
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** A section with a table in it. */
export function tableSection({ id, label, columns, rows }: PlainTable): TemplateResult {
  return html`<section>
    <kmem-inspector-table id=${id} label=${label} .columns=${columns} .rows=${rows}></kmem-inspector-table>
  </section>`;
}

/** Rows that are shown at first. */
const ROWS_SHOWN = 200;

/**
 * A table that can be sorted by its columns and saved as CSV. Fires `pick` with the key of a row as its detail, where
 * rows can be picked.
 */
export class TableView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    label: {},
    columns: { attribute: false },
    rows: { attribute: false },
    pickable: { type: Boolean },
    picked: {},
    sortId: { state: true },
    isAscending: { state: true },
    isAll: { state: true },
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .scroll {
        overflow-x: auto;
      }
      table {
        min-width: min(100%, 640px);
      }
      thead th {
        border-bottom: 1px solid var(--line);
        white-space: nowrap;
      }
      th button {
        border: 0;
        background: none;
        padding: 0;
        min-height: 22px;
        color: inherit;
        font-weight: 600;
      }
      tbody tr:hover {
        background: var(--panel);
      }
      tbody tr.picked {
        background: var(--accent-ground);
      }
      td.text {
        max-width: 46ch;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .head {
        display: flex;
        align-items: baseline;
        gap: 8px;
      }
      .head h2 {
        flex: 1;
      }
    `,
  ];

  declare label: string;
  declare columns: readonly Column[];
  declare rows: readonly Row[];
  declare pickable: boolean;
  declare picked: string | undefined;
  declare private sortId: string | undefined;
  declare private isAscending: boolean;
  declare private isAll: boolean;

  constructor() {
    super();
    this.label = "";
    this.columns = [];
    this.rows = [];
    this.pickable = false;
    this.isAscending = false;
    this.isAll = false;
  }

  protected override render(): TemplateResult {
    const rows = this.#sorted();
    const shown = this.isAll ? rows : rows.slice(0, ROWS_SHOWN);
    return html`
      <div class="head">
        <h2>${this.label} <span class="soft">${formatCount(rows.length)}</span></h2>
        <button class="link" @click=${this.#save} aria-label="Save ${this.label} as CSV">CSV</button>
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label=${this.label}>
        <table>
          <thead>
            <tr>${this.columns.map((column) => this.#heading(column))}</tr>
          </thead>
          <tbody>${shown.map((row) => this.#row(row))}</tbody>
        </table>
      </div>
      ${
        shown.length < rows.length
          ? html`<button @click=${() => (this.isAll = true)}>Show all ${formatCount(rows.length)}</button>`
          : nothing
      }
    `;
  }

  #heading({ id, label, kind }: Column): TemplateResult {
    const order = this.sortId === id ? (this.isAscending ? "ascending" : "descending") : "none";
    const arrow = order === "none" ? "" : order === "ascending" ? " ↑" : " ↓";
    return html`<th scope="col" aria-sort=${order} class=${kind === "text" ? "" : "number"}>
      <button @click=${() => this.#sortBy(id, kind)}>${label}${arrow}</button>
    </th>`;
  }

  #row({ key, cells, isBad = false }: Row): TemplateResult {
    return html`<tr class="${key === this.picked ? "picked" : ""} ${isBad ? "bad" : ""}" data-key=${key}>
      ${this.columns.map(({ id, kind }, index) => {
        const value = cells[id] ?? "";
        const text = typeof value === "number" && kind !== "text" ? FORMATS[kind](value) : String(value);
        const content =
          index === 0 && this.pickable
            ? html`<button class="link" @click=${() => this.#pick(key)}>${text || "(none)"}</button>`
            : text;
        const title = kind === "bytes" && typeof value === "number" ? formatBytes(value) : text;
        return html`<td class=${kind === "text" ? "text" : "number"} data-column=${id} title=${title}>${content}</td>`;
      })}
    </tr>`;
  }

  #sorted(): readonly Row[] {
    const { sortId } = this;
    if (sortId === undefined) return this.rows;
    const sign = this.isAscending ? 1 : -1;
    return this.rows.toSorted(({ cells: one }, { cells: other }) => {
      const [a = "", b = ""] = [one[sortId], other[sortId]];
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1);
    });
  }

  #sortBy(id: string, kind: CellKind): void {
    this.isAscending = this.sortId === id ? !this.isAscending : kind === "text";
    this.sortId = id;
  }

  #pick(key: string): void {
    this.dispatchEvent(new CustomEvent("pick", { detail: key }));
  }

  #save(): void {
    const head = this.columns.map(({ label }) => label);
    const rows = this.#sorted().map(({ cells }) => this.columns.map(({ id }) => cells[id] ?? ""));
    saveFile(`${this.label}.csv`, new Blob([csvText([head, ...rows])], { type: "text/csv" }));
  }
}

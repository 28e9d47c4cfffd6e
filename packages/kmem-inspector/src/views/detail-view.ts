import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { type AddressAnswer, hex, ROW_BYTES } from "../dump/answers.ts";
import type { Block } from "../dump/blocks.ts";
import type { DebugInfo, Track } from "../dump/debug-records.ts";
import type { DumpSession } from "../work/dump-session.ts";
import { formatCount, formatMs } from "./format.ts";
import { baseStyles } from "./styles.ts";

/** Bytes of a block, or around an address, that are shown. */
const SHOWN_BYTES = 1024;
const PRINTABLE_FIRST = 0x20;
const PRINTABLE_LAST = 0x7e;

/** Bytes of the memory, and where they begin. */
interface ShownBytes {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** What lives at an address: the page, the block, its bytes. Fires `go` with another address as its detail. */
export class DetailView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { attribute: false },
    address: { attribute: false },
    answer: { state: true },
    shown: { state: true },
  };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .blocks {
        display: flex;
        flex-wrap: wrap;
        gap: 1px;
        margin: 0 0 8px;
        max-height: 120px;
        overflow-y: auto;
      }
      .blocks button {
        width: 10px;
        height: 14px;
        min-height: 0;
        padding: 0;
        border: 1px solid transparent;
        border-radius: 1px;
        background: var(--line);
      }
      .blocks .live {
        background: var(--accent);
      }
      .blocks .sheaf {
        background: var(--soft);
      }
      .blocks .barn {
        background: var(--poison);
        border-color: var(--soft);
      }
      .blocks .damaged {
        background: var(--bad);
      }
      .blocks .here {
        outline: 2px solid var(--text);
      }
      .hex {
        overflow: auto;
        max-height: 320px;
        border: 1px solid var(--line);
        border-radius: 4px;
        padding: 6px;
      }
      .hex table {
        font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
        font-size: 11px;
        line-height: 1.5;
      }
      .hex td,
      .hex th {
        padding: 0 2px;
        white-space: pre;
        font-weight: 400;
      }
      .hex th {
        padding-right: 8px;
      }
      .red {
        background: var(--red-zone);
      }
      .poison {
        background: var(--poison);
      }
      .record {
        background: var(--record);
      }
      .wrong {
        background: var(--bad-ground);
        color: var(--bad);
        font-weight: 700;
      }
      .at {
        outline: 1px solid var(--text);
      }
      pre {
        margin: 0 0 8px;
        font-size: 11px;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
    `,
  ];

  declare session: DumpSession | undefined;
  declare address: number | undefined;
  declare private answer: AddressAnswer | undefined;
  declare private shown: ShownBytes | undefined;

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("address") || changed.has("session")) void this.#ask();
  }

  async #ask(): Promise<void> {
    const { session, address } = this;
    if (session === undefined || address === undefined) {
      this.answer = undefined;
      return;
    }
    const answer = await session.calls.address(address);
    if (answer === undefined) {
      this.answer = undefined;
      return;
    }
    const { block } = answer;
    const row = address - (address % ROW_BYTES);
    // Of a large block those around the address.
    const isWhole = block !== undefined && block.bytes <= SHOWN_BYTES;
    const start = isWhole ? block.address : Math.max(block?.address ?? 0, row - SHOWN_BYTES / 4);
    const length = isWhole ? block.bytes : SHOWN_BYTES;
    const bytes = await session.calls.bytes(start, length);
    if (this.address !== address) return;
    this.answer = answer;
    this.shown = { start, bytes };
  }

  protected override render(): TemplateResult {
    const { answer, shown } = this;
    if (answer === undefined || shown === undefined) {
      return html`<p class="soft">Pick a page, or ask for an address, to see what lives there.</p>`;
    }
    const { page, block, debug } = answer;
    return html`
      <h2><code>${hex(answer.address)}</code></h2>
      <p id="answer">${capital(answer.text)}.</p>
      <dl>
        <dt>Page</dt>
        <dd>${formatCount(page.frame)}: ${page.stateLabel.toLowerCase()}</dd>
        <dt>Belongs to</dt>
        <dd id="holder">${page.text}</dd>
        ${block === undefined ? nothing : this.#blockRows(block, answer.neighbours)}
      </dl>
      ${page.blocks.length > 0 ? this.#slab(page.blocks, block) : nothing}
      ${debug === undefined ? nothing : this.#debug(debug)}
      <h3>Bytes</h3>
      ${this.#hex(shown, answer)}
    `;
  }

  #blockRows(block: Block, neighbours: AddressAnswer["neighbours"]): TemplateResult {
    return html`
      <dt>Block</dt>
      <dd><code>${hex(block.address)}</code>, ${formatCount(block.bytes)} bytes of ${block.cache}</dd>
      <dt>Neighbours</dt>
      <dd>
        ${neighbours.map((one, index) => {
          const side = index === 0 ? "before" : "after";
          return one === undefined ? `none ${side}. ` : html`${this.#link(one.address)} ${side}, ${one.state}. `;
        })}
      </dd>
    `;
  }

  #slab(blocks: readonly Block[], here: Block | undefined): TemplateResult {
    const live = blocks.filter(({ state }) => state === "live").length;
    return html`
      <h3>Slab: ${formatCount(live)} of ${formatCount(blocks.length)} blocks live</h3>
      <div class="blocks" role="group" aria-label="Blocks of the slab">
        ${blocks.map(
          ({ address, state }) => html`<button
            class="${state} ${address === here?.address ? "here" : ""}"
            aria-label="${hex(address)}, ${state}"
            title="${hex(address)}, ${state}"
            @click=${() => this.#go(address)}
          ></button>`,
        )}
      </div>
    `;
  }

  #debug(debug: DebugInfo): TemplateResult {
    const bad = debug.zones.filter((zone) => zone.bad !== undefined);
    return html`
      <h3>Object</h3>
      <dl>
        <dt>State</dt>
        <dd class=${debug.isDamaged ? "bad" : ""}>
          ${debug.state.toLowerCase()}${debug.isDamaged ? ": the record of the block is damaged" : ""}
        </dd>
        <dt>Object</dt>
        <dd><code>${hex(debug.objectAddress)}</code>, ${formatCount(debug.sizeBytes)} bytes asked for</dd>
        ${bad.map(
          ({ what, bad: range, expected }) => html`<dt class="bad">Overwritten</dt>
            <dd class="bad">${what}, ${hex(range![0])} to ${hex(range![1])}, expected ${hexByte(expected)}</dd>`,
        )}
      </dl>
      ${this.#track("Allocated", debug.allocated)} ${this.#track("Freed", debug.freed)}
    `;
  }

  #track(what: string, track: Track | undefined): TemplateResult | typeof nothing {
    if (track === undefined) return nothing;
    return html`<h3>${what} by slot ${track.slot}, ${formatMs(track.ageMs)} before the dump</h3>
      <pre class="mono">${track.stack || "no stack was kept"}</pre>`;
  }

  #hex({ start, bytes }: ShownBytes, answer: AddressAnswer): TemplateResult {
    const rows = Array.from({ length: Math.ceil(bytes.length / ROW_BYTES) }, (_, row) => row * ROW_BYTES);
    return html`<div class="hex" tabindex="0" role="region" aria-label="Bytes">
      <table>
        <tbody>
          ${rows.map(
            (at) => html`<tr>
              <th scope="row">${hex(start + at).slice(2)}</th>
              ${Array.from(bytes.subarray(at, at + ROW_BYTES), (byte, index) => {
                const address = start + at + index;
                return html`<td class=${classOf(address, answer)}>${hexByte(byte)}</td>`;
              })}
              <td> ${textOf(bytes.subarray(at, at + ROW_BYTES))}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #link(address: number): TemplateResult {
    return html`<button class="link mono" @click=${() => this.#go(address)}>${hex(address)}</button>`;
  }

  #go(address: number): void {
    this.dispatchEvent(new CustomEvent("go", { detail: address }));
  }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function textOf(bytes: Uint8Array): string {
  const isPrintable = (byte: number): boolean => byte >= PRINTABLE_FIRST && byte <= PRINTABLE_LAST;
  return Array.from(bytes, (byte) => (isPrintable(byte) ? String.fromCharCode(byte) : "·")).join("");
}

/** What a byte is part of. */
function classOf(address: number, { debug, address: wanted, block }: AddressAnswer): string {
  const at = address === wanted ? "at" : "";
  if (debug === undefined || block === undefined) return at;
  if (address >= debug.recordAddress && address < block.address + block.bytes) return `record ${at}`;
  const zone = debug.zones.find(({ start, end }) => address >= start && address < end);
  if (zone === undefined) return at;
  const isWrong = zone.bad !== undefined && address >= zone.bad[0] && address <= zone.bad[1];
  return `${isWrong ? "wrong" : zone.what.includes("red") ? "red" : "poison"} ${at}`;
}

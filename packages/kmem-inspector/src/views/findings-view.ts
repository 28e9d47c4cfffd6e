import { countFindings, type Finding } from "kmem";
import { type CSSResult, css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { hex } from "../dump/answers.ts";
import type { DumpFigures } from "../dump/figures.ts";
import { formatCount } from "./format.ts";
import { goTo } from "./go.ts";
import { baseStyles } from "./styles.ts";

/** What the check of the heap complains about. Fires `go` with an address. */
export class FindingsView extends LitElement {
  static override readonly properties: PropertyDeclarations = { figures: { attribute: false } };

  static override readonly styles: CSSResult[] = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      li {
        margin-bottom: 8px;
      }
      ol {
        padding-left: 24px;
      }
      .layer {
        display: inline-block;
        min-width: 60px;
        color: var(--soft);
      }
    `,
  ];

  declare figures: DumpFigures | undefined;

  protected override render(): TemplateResult {
    const { figures } = this;
    if (figures?.check === undefined) return html`<p class="soft" role="status">Checking the heap…</p>`;
    const { check, problem, isWithoutBlocks } = figures;
    const { findings } = check!;
    return html`
      <h2>Check</h2>
      ${problem === undefined ? nothing : html`<p class="bad">The heap cannot be read: ${problem}.</p>`}
      ${
        isWithoutBlocks
          ? html`<p class="soft">The dump is large: its tables were checked, and not the bytes around its blocks.</p>`
          : nothing
      }
      <p id="summary">${summaryOf(findings)}</p>
      <ol>
        ${findings.map((finding) => this.#finding(finding))}
      </ol>
    `;
  }

  #finding({ layer, address, problem, count, addresses = [address] }: Finding): TemplateResult {
    const more = count === undefined ? "" : `, and ${formatCount(count - 1)} more of that sort`;
    return html`<li>
      <span class="layer">${layer}</span> ${problem}${more}
      <div class="row">
        ${addresses.map((one) => html`<button class="link mono" @click=${() => goTo(this, one)}>${hex(one)}</button>`)}
      </div>
    </li>`;
  }
}

function summaryOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return "Every invariant of every layer is true.";
  const count = countFindings(findings);
  const findingsText = count === 1 ? "1 finding" : `${formatCount(count)} findings`;
  const sorts = findings.length === 1 ? "sort or place" : "sorts and places";
  return `${findingsText} of ${formatCount(findings.length)} ${sorts}.`;
}

import { type CSSResult, css } from "lit";

/** Colours, by the theme that is chosen or that the system has. Text and its ground differ by 4.5 to 1 and more. */
export const themeStyles: CSSResult = css`
  :host {
    --ground: #ffffff;
    --panel: #f4f5f7;
    --line: #d9dde3;
    --text: #1a1e24;
    --soft: #586270;
    --accent: #1d5fb8;
    --accent-ground: #e4eefb;
    --bad: #b41e1e;
    --bad-ground: #fdeaea;
    --red-zone: #fbe3c0;
    --poison: #e6ddf5;
    --record: #e3e8ee;
    color-scheme: light;
  }
  :host([theme="dark"]) {
    --ground: #191d23;
    --panel: #14171c;
    --line: #313842;
    --text: #e4e8ee;
    --soft: #9aa6b5;
    --accent: #7db2f7;
    --accent-ground: #1f3350;
    --bad: #ff8d8d;
    --bad-ground: #47191c;
    --red-zone: #4d3713;
    --poison: #372a57;
    --record: #29313b;
    color-scheme: dark;
  }
`;

/** What all views share. */
export const baseStyles: CSSResult = css`
  :host {
    box-sizing: border-box;
    font:
      13px/1.45 system-ui,
      sans-serif;
    color: var(--text);
  }
  *,
  *::before,
  *::after {
    box-sizing: inherit;
  }
  [hidden] {
    display: none !important;
  }
  h2 {
    font-size: 13px;
    font-weight: 600;
    margin: 0 0 6px;
  }
  h3 {
    font-size: 12px;
    font-weight: 600;
    color: var(--soft);
    margin: 12px 0 4px;
  }
  p {
    margin: 0 0 8px;
  }
  code,
  .mono {
    font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: 12px;
  }
  button,
  input,
  select {
    font: inherit;
    color: inherit;
    background: var(--ground);
    border: 1px solid var(--line);
    border-radius: 4px;
    padding: 2px 8px;
    min-height: 26px;
  }
  button {
    cursor: pointer;
  }
  button:hover:not(:disabled) {
    border-color: var(--soft);
  }
  button:disabled {
    cursor: default;
    color: var(--soft);
  }
  button[aria-pressed="true"],
  button[aria-selected="true"] {
    background: var(--accent-ground);
    border-color: var(--accent);
    color: var(--accent);
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 1px;
  }
  .link {
    border: 0;
    background: none;
    padding: 0;
    min-height: 0;
    color: var(--accent);
    text-decoration: underline;
    text-underline-offset: 2px;
    text-align: left;
  }
  .soft {
    color: var(--soft);
  }
  .swatch {
    width: 10px;
    height: 10px;
    flex: none;
  }
  .bad {
    color: var(--bad);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
    align-items: center;
  }
  .group {
    display: inline-flex;
  }
  .group button {
    border-radius: 0;
    margin-left: -1px;
  }
  .group button:first-child {
    border-radius: 4px 0 0 4px;
    margin-left: 0;
  }
  .group button:last-child {
    border-radius: 0 4px 4px 0;
  }
  .grow {
    flex: 1;
  }
  table {
    border-collapse: collapse;
    font-variant-numeric: tabular-nums;
  }
  th,
  td {
    text-align: left;
    padding: 2px 10px 2px 0;
    vertical-align: top;
  }
  th {
    font-weight: 600;
    color: var(--soft);
  }
  .number {
    text-align: right;
    white-space: nowrap;
  }
  dl {
    display: grid;
    grid-template-columns: max-content 1fr;
    gap: 2px 12px;
    margin: 0 0 8px;
  }
  dt {
    color: var(--soft);
  }
  dd {
    margin: 0;
    font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere;
  }
`;

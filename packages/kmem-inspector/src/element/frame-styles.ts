import { type CSSResult, css } from "lit";

/** The frame around the views. */
export const frameStyles: CSSResult = css`
  :host {
    display: flex;
    flex-direction: column;
    background: var(--ground);
    height: 100%;
    min-height: 480px;
  }
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px 12px;
    padding: 6px 12px;
    background: var(--panel);
    border-bottom: 1px solid var(--line);
  }
  h1 {
    font-size: 13px;
    font-weight: 700;
    margin: 0;
  }
  .name {
    max-width: 32ch;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .summary {
    flex: 1;
    color: var(--soft);
    font-variant-numeric: tabular-nums;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  main {
    flex: 1;
    min-height: 0;
    display: flex;
    flex-direction: column;
  }
  .panel {
    flex: 1;
    min-height: 0;
    overflow: auto;
    padding: 12px;
  }
  .fixed {
    overflow: hidden;
  }
  @media (max-width: 820px) {
    .fixed {
      overflow: auto;
    }
  }
  .problem {
    margin: 12px 12px 0;
    padding: 8px 12px;
    background: var(--bad-ground);
    color: var(--bad);
    border-radius: 4px;
  }
  .busy {
    margin: 12px;
    color: var(--soft);
  }
  .welcome {
    margin: 8vh auto;
    padding: 0 16px;
    max-width: 60ch;
    text-align: center;
  }
  .welcome h2 {
    font-size: 18px;
  }
  .file {
    border: 1px solid var(--line);
    border-radius: 4px;
    padding: 2px 8px;
    background: var(--ground);
    cursor: pointer;
    position: relative;
  }
  .file:focus-within {
    outline: 2px solid var(--accent);
  }
  .file input {
    position: absolute;
    inset: 0;
    opacity: 0;
    width: 100%;
    padding: 0;
    cursor: pointer;
  }
`;

import { type CSSResult, css, unsafeCSS } from "lit";
import chartStyles from "uplot/dist/uPlot.min.css?inline";

/** The look of the view of time. */
export const timeStyles: CSSResult = css`
  ${unsafeCSS(chartStyles)}
  :host {
    display: flex;
    flex-direction: column;
    gap: 8px;
    height: 100%;
    min-height: 0;
  }
  .chart {
    flex: 0 0 200px;
    min-width: 0;
    overflow: hidden;
  }
  .key {
    gap: 16px;
    padding-left: 66px;
  }
  .key svg {
    width: 14px;
    height: 10px;
  }
  input[type="range"] {
    padding: 0;
    min-width: 200px;
  }
  .figures {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 28px;
    margin: 0;
    min-height: 40px;
  }
  .figures dt {
    font-size: 11px;
  }
  .figures .last {
    flex: 1;
    min-width: 30ch;
  }
  .sides {
    flex: 1;
    min-height: 0;
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    gap: 0 16px;
  }
  .sides section {
    display: flex;
    flex-direction: column;
    gap: 6px;
    min-height: 0;
  }
  .side-figures {
    margin: 0;
    font-variant-numeric: tabular-nums;
  }
  kmem-inspector-plain-map {
    flex: 1;
  }
  @media (max-width: 820px) {
    .sides {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`;

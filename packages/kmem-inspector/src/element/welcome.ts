import { html, nothing, type TemplateResult } from "lit";

/** What is shown while there is no file; with a sample, a button that opens it. */
export function welcome(openSample: (() => Promise<void>) | undefined): TemplateResult {
  return html`<section class="welcome">
    <h2>Look into a heap</h2>
    <p>
      Drop a dump or a trace here, or open one: what <code>dumpHeap(heap)</code> returned, or a trace of any form that
      <code>kmem replay</code> reads. Of two dumps the page shows what came and what went. No file leaves this machine.
    </p>
    ${openSample === undefined ? nothing : html`<button @click=${openSample}>Open the sample</button>`}
  </section>`;
}

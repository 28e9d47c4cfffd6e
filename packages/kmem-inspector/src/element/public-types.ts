/** What is shown, as text that can stand in a link: the view, what the map shows, an address, an event. */
export type InspectorState = Readonly<Record<string, string>>;

/**
 * The element `<kmem-inspector>`. Files are dropped onto it or opened with `open`; a heap of the page is shown while it
 * lives once `live` is a function that dumps it. Fires `statechange` when another view, page or moment is shown.
 */
export interface KmemInspectorElement extends HTMLElement {
  /** Address of a document that says what is to be shown: what `kmem inspect` serves. Attribute `session`. */
  session: string | undefined;
  /** Address of a dump to try the inspector with. Attribute `sample`. */
  sample: string | undefined;
  /** Default: what the system has. Attribute `theme`. */
  theme: "light" | "dark";
  /**
   * What dumps a heap of this page, as `() => dumpHeap(heap)`. It is called while the element can be seen, and not
   * otherwise.
   */
  live: (() => Uint8Array) | undefined;
  /** Milliseconds from one look at a heap to the next. Default 1000. Attribute `every-ms`. */
  everyMs: number;
  /** What is shown; to set it shows the same again, of the same file. */
  state: InspectorState;
  /** Opens a dump or a trace: a file, or the address of one. Shows what is wrong with it where it is none. */
  open(file: Blob | { readonly name: string; readonly url: string; readonly byteLength: number }): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "kmem-inspector": KmemInspectorElement;
  }
}

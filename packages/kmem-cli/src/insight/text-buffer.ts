import type { ByteSink } from "../forms/stored-section-writer.ts";

const FLUSH_LENGTH = 65_536;

/** Collects text and hands it on in pieces. */
export class TextBuffer {
  readonly #sink: ByteSink;
  #text = "";

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= FLUSH_LENGTH) this.flush();
  }

  flush(): void {
    this.#sink(Buffer.from(this.#text, "utf8"));
    this.#text = "";
  }
}

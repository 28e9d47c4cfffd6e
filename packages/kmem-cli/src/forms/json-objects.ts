const OPENING = 0x7b;
const CLOSING = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The longest object that is kept. */
const OBJECT_BYTES_MAX = 65_536;

/** Is given the objects that stand in the list of events. */
export interface JsonObjectSink {
  object(text: string): void;
  overlong(): void;
}

/**
 * Finds the innermost complete objects at one depth of a JSON text, in chunks: the elements of `traceEvents`, or of the
 * list that the text is. Memory is bounded by the longest object.
 */
export class JsonObjectSplitter {
  readonly #sink: JsonObjectSink;
  readonly #kept = new Uint8Array(OBJECT_BYTES_MAX);
  #keptBytes = 0;
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isOverlong = false;
  /** The depth at which objects are events: 1 in a list, 2 in an object that has one. */
  #eventDepth = 0;

  constructor(sink: JsonObjectSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    for (const byte of chunk) this.#take(byte);
  }

  /** Whether the text ended inside of an object. */
  get isOpen(): boolean {
    return this.#depth > 0;
  }

  #take(byte: number): void {
    if (this.#eventDepth === 0) {
      if (byte === OPENING) this.#eventDepth = 2;
      else if (byte === 0x5b) this.#eventDepth = 1;
    }
    if (this.#isText) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isText = false;
    } else if (byte === QUOTE) this.#isText = true;
    else if (byte === OPENING) {
      this.#depth += 1;
      if (this.#depth === this.#eventDepth) {
        this.#keptBytes = 0;
        this.#isOverlong = false;
      }
    }
    if (this.#depth >= this.#eventDepth && this.#eventDepth > 0) this.#keep(byte);
    if (!this.#isText && byte === CLOSING && this.#depth > 0) {
      if (this.#depth === this.#eventDepth) this.#emit();
      this.#depth -= 1;
    }
  }

  #keep(byte: number): void {
    if (this.#keptBytes < OBJECT_BYTES_MAX) {
      this.#kept[this.#keptBytes] = byte;
      this.#keptBytes += 1;
    } else this.#isOverlong = true;
  }

  #emit(): void {
    if (this.#isOverlong) this.#sink.overlong();
    else this.#sink.object(Buffer.from(this.#kept.buffer, 0, this.#keptBytes).toString("latin1"));
    this.#keptBytes = 0;
  }
}

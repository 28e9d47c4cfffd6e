import { describeValue } from "./arguments.ts";
import { KmemError } from "./errors.ts";
import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";

/** What a heap can live in. */
export type MemorySource = SharedArrayBuffer | ArrayBuffer | WebAssembly.Memory;

/** Which of the three kinds a source is; only the last can grow. */
export type MemoryKind = "SharedArrayBuffer" | "ArrayBuffer" | "WebAssembly.Memory";

/** How often a thread asks its engine for the length of memory that another thread has grown. Once has always done. */
const REACH_TURNS = 1000;

function kindOf(source: unknown): MemoryKind | undefined {
  if (typeof SharedArrayBuffer !== "undefined" && source instanceof SharedArrayBuffer) return "SharedArrayBuffer";
  if (source instanceof ArrayBuffer) return "ArrayBuffer";
  if (typeof WebAssembly !== "undefined" && source instanceof WebAssembly.Memory) return "WebAssembly.Memory";
  return undefined;
}

/**
 * One linear buffer and its views. The views have a fixed length, because length-tracking views on growable shared
 * buffers are tens of times slower in V8; `refresh()` makes them anew after a growth. An address is an index into
 * `bytes`, and an address >>> 2 one into `words`.
 */
export class LinearMemory {
  readonly source: MemorySource;
  readonly kind: MemoryKind;
  bytes: Uint8Array<ArrayBufferLike>;
  words: Int32Array<ArrayBufferLike>;
  doubles: Float64Array<ArrayBufferLike>;

  constructor(source: MemorySource) {
    const kind = kindOf(source);
    if (kind === undefined) {
      throw new KmemError(
        "BAD_ARGUMENT",
        `memory must be a SharedArrayBuffer, an ArrayBuffer or a WebAssembly.Memory, not ${describeValue(source)}`,
      );
    }
    this.source = source;
    this.kind = kind;
    this.bytes = new Uint8Array(0);
    this.words = new Int32Array(0);
    this.doubles = new Float64Array(0);
    this.refresh();
  }

  /** The buffer as it is now; for a WebAssembly.Memory it is another object after each growth. */
  get buffer(): ArrayBufferLike {
    return this.kind === "WebAssembly.Memory"
      ? (this.source as WebAssembly.Memory).buffer
      : (this.source as ArrayBufferLike);
  }

  /** Whether another thread, or another object, may have grown the memory. */
  get mayGrow(): boolean {
    return this.kind === "WebAssembly.Memory";
  }

  /** Whether other threads can reach the memory. */
  get isShared(): boolean {
    return typeof SharedArrayBuffer !== "undefined" && this.bytes.buffer instanceof SharedArrayBuffer;
  }

  /** Bytes in the buffer now. */
  get byteLength(): number {
    return this.buffer.byteLength;
  }

  /** Makes the views again when the buffer has grown; returns whether it had. */
  refresh(): boolean {
    if (this.kind !== "WebAssembly.Memory" && this.bytes.length > 0) return false;
    const buffer = this.buffer;
    if (this.bytes.buffer === buffer) return false;
    const byteLength = Math.min(buffer.byteLength, ADDRESS_SPACE_BYTES);
    this.bytes = new Uint8Array(buffer, 0, byteLength);
    this.words = new Int32Array(buffer, 0, Math.floor(byteLength / 4));
    this.doubles = new Float64Array(buffer, 0, Math.floor(byteLength / 8));
    return true;
  }

  /**
   * Makes the views reach `end`, a byte that the memory has for certain: what another thread has grown, a thread sees
   * late, when its engine comes to tell it. `refresh` alone is not enough then.
   */
  reach(end: number): void {
    if (this.bytes.length >= end || this.kind !== "WebAssembly.Memory") return;
    for (let turn = 0; this.bytes.length < end && turn < REACH_TURNS; turn++) {
      // To grow by nothing makes the engine look.
      (this.source as WebAssembly.Memory).grow(0);
      this.refresh();
    }
  }

  /**
   * Grows a WebAssembly.Memory to at least `byteLength` bytes. Returns false, with nothing changed, where the memory
   * cannot grow that far; every other kind of memory is fixed.
   */
  growTo(byteLength: number): boolean {
    if (this.kind !== "WebAssembly.Memory") return byteLength <= this.byteLength;
    const memory = this.source as WebAssembly.Memory;
    // The buffer's length may be of before another thread's growth; what grow answers with is not.
    const pages = memory.buffer.byteLength < byteLength ? memory.grow(0) : 0;
    const missingPages = Math.ceil(byteLength / WASM_PAGE_SIZE) - pages;
    if (pages > 0 && missingPages > 0) {
      try {
        memory.grow(missingPages);
      } catch {
        return false;
      }
    }
    this.refresh();
    this.reach(byteLength);
    return true;
  }
}

import { describeValue } from "./arguments.ts";
import { wasmMemoryOf } from "./buffer-owner.ts";
import { type BulkMemory, bulkOver } from "./bulk.ts";
import { KmemError } from "./errors.ts";
import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";

/**
 * A `WebAssembly.Memory`, as the lib of the program declares it. Where that declares none, as without `dom` and Node's
 * types, it is what the library needs of one.
 */
export type WasmMemory = typeof globalThis extends { WebAssembly: { Memory: { prototype: infer Memory } } }
  ? Memory
  : { readonly buffer: ArrayBuffer | SharedArrayBuffer; grow(pages: number): number };

/** What a heap can live in. */
export type MemorySource = SharedArrayBuffer | ArrayBuffer | WasmMemory;

/** Which of the three kinds a source is; only the last can grow. */
export type MemoryKind = "SharedArrayBuffer" | "ArrayBuffer" | "WebAssembly.Memory";

/** How the memory of a heap is grown, in place of `memory.grow`, and who is told. They belong to one thread. */
export interface GrowthHooks {
  /**
   * Grows `memory` by at least so many pages of 64 KiB and returns true; false where it cannot, and what it throws
   * counts as that. All pages that the memory gains during the call are the heap's. For a program whose own code has to
   * grow it, as Emscripten's `emscripten_resize_heap`, and only for a WebAssembly.Memory that is not shared, where
   * nobody else can grow it meanwhile. It runs in the midst of an allocation: calls of the heap throw MUST_NOT_BLOCK.
   */
  readonly grow?: (pageCount: number) => boolean;
  /**
   * Gets the bytes that the memory has after each growth by this heap and thread, before the call that needed it
   * returns: views of memory that is not shared are detached by then. It runs in the midst of an allocation, as `grow`
   * does; what it throws becomes an unhandled rejection.
   */
  readonly onGrow?: (byteLength: number) => void;
}

/** Bytes that a growth has added: from the first of them to the end of the memory then. */
export interface AddedBytes {
  readonly first: number;
  readonly end: number;
}

/** How often a thread asks the JavaScript engine for the length of memory that another one has grown; once has done. */
const LENGTH_RETRIES_MAX = 1000;

function kindOf(source: unknown): MemoryKind | undefined {
  try {
    return classOf(source);
  } catch {
    // Its getters throw.
    return undefined;
  }
}

/** Whether a value of any type is a memory that can be used. */
export function isMemorySource(source: unknown): source is MemorySource {
  return kindOf(source) !== undefined;
}

function classOf(source: unknown): MemoryKind | undefined {
  if (typeof SharedArrayBuffer !== "undefined" && source instanceof SharedArrayBuffer && isGenuineBuffer(source))
    return "SharedArrayBuffer";
  if (source instanceof ArrayBuffer && isGenuineBuffer(source)) return "ArrayBuffer";
  if (typeof WebAssembly !== "undefined" && source instanceof WebAssembly.Memory && isGenuineBuffer(source.buffer))
    return "WebAssembly.Memory";
  return undefined;
}

const DETACHED_TEXT = "the buffer is detached: it was transferred away, and its bytes are no longer here";

/** Whether a buffer keeps its views when it grows; a program can make that of a WebAssembly.Memory such a one. */
export function isResizable(buffer: ArrayBufferLike): boolean {
  return (buffer as { readonly resizable?: boolean }).resizable === true;
}

/** Whether a buffer has been transferred away. Not every engine has `ArrayBuffer.prototype.detached`. */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** True for a buffer of the engine's, of any length; an object that only claims to be of the class throws. */
function isGenuineBuffer(buffer: ArrayBufferLike): boolean {
  return buffer.byteLength >= 0;
}

function inHook(): KmemError {
  return new KmemError(
    "MUST_NOT_BLOCK",
    "within grow and onGrow the heap cannot be used: it is growing its memory",
    {},
  );
}

/**
 * One linear buffer and its views. The views have a fixed length, because length-tracking views on growable shared
 * buffers are tens of times slower in V8; `refresh()` replaces them after a growth. An address is an index into
 * `bytes`, and an address >>> 2 one into `words`.
 */
export class LinearMemory {
  readonly source: MemorySource;
  readonly kind: MemoryKind;
  bytes: Uint8Array<ArrayBufferLike>;
  words: Int32Array<ArrayBufferLike>;
  doubles: Float64Array<ArrayBufferLike>;
  /** Bytes that the views had at first. */
  readonly #openedBytes: number;
  readonly #hooks: GrowthHooks;
  /** Called after `refresh` has replaced the views. */
  readonly #refreshListeners: (() => void)[] = [];
  /** Made when it is first wanted. */
  #bulk: BulkMemory | undefined;
  #hasBulk = false;
  /** Whether the memory has 64-bit addresses, as far as is known: it then counts its pages in BigInts. */
  #is64 = false;
  #isInHook = false;
  #detachesViews = false;

  constructor(source: MemorySource, hooks: GrowthHooks = {}) {
    const kind = kindOf(source);
    if (kind === undefined) {
      throw new KmemError(
        "BAD_ARGUMENT",
        `memory must be a SharedArrayBuffer, an ArrayBuffer or a WebAssembly.Memory, not ${describeValue(source)}`,
      );
    }
    this.source = source;
    this.kind = kind;
    this.#hooks = hooks;
    this.bytes = new Uint8Array(0);
    this.words = new Int32Array(0);
    this.doubles = new Float64Array(0);
    if (isDetached(this.buffer)) throw new KmemError("DETACHED", DETACHED_TEXT, {});
    this.#view(this.buffer);
    this.#openedBytes = this.bytes.length;
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

  /** Whether all views of the memory have no bytes any more once it has grown. */
  get detachesViews(): boolean {
    return this.#detachesViews;
  }

  /** Whether other threads can reach the memory. */
  get isShared(): boolean {
    return typeof SharedArrayBuffer !== "undefined" && this.bytes.buffer instanceof SharedArrayBuffer;
  }

  /** Fills and copies in WebAssembly, where the memory is of that and the engine lets a module be made. */
  get bulk(): BulkMemory | undefined {
    if (this.#hasBulk) return this.#bulk;
    this.#hasBulk = true;
    const memory = this.kind === "WebAssembly.Memory" ? this.source : wasmMemoryOf(this.buffer);
    if (memory !== undefined) this.#bulk = bulkOver(memory as WebAssembly.Memory);
    return this.#bulk;
  }

  /** Bytes in the buffer now. */
  get byteLength(): number {
    return this.buffer.byteLength;
  }

  /**
   * Makes the views again when the buffer has grown; returns whether it had. Throws DETACHED where the buffer was
   * transferred away, or made shorter, since it was opened; MUST_NOT_BLOCK while one of the {@link GrowthHooks} runs.
   */
  refresh(): boolean {
    if (this.kind !== "WebAssembly.Memory") {
      if (this.bytes.length === 0 && this.isLost) throw this.lost();
      return false;
    }
    if (this.#isInHook) throw inHook();
    // Asking a WebAssembly.Memory for its buffer costs as much as a block.
    if (this.#detachesViews && this.bytes.length > 0) return false;
    const buffer = this.buffer;
    // A program may have made the buffer a resizable one, which stays the same object.
    if (this.bytes.buffer === buffer && this.bytes.length >= Math.min(buffer.byteLength, ADDRESS_SPACE_BYTES)) {
      return false;
    }
    this.#view(buffer);
    for (const listener of this.#refreshListeners) listener();
    return true;
  }

  /** Has a function called whenever `refresh` has replaced the views: another object may have grown the memory. */
  onRefresh(listener: () => void): void {
    this.#refreshListeners.push(listener);
  }

  #view(buffer: ArrayBufferLike): void {
    const byteLength = Math.min(buffer.byteLength, ADDRESS_SPACE_BYTES);
    this.bytes = new Uint8Array(buffer, 0, byteLength);
    this.words = new Int32Array(buffer, 0, Math.floor(byteLength / 4));
    this.doubles = new Float64Array(buffer, 0, Math.floor(byteLength / 8));
    this.#detachesViews = buffer instanceof ArrayBuffer && !isResizable(buffer);
  }

  /** Whether the buffer was transferred away or made shorter: views of a fixed length have none then. */
  get isLost(): boolean {
    return this.bytes.length === 0 && this.#openedBytes > 0 && this.kind !== "WebAssembly.Memory";
  }

  /** The error of an access to a buffer that has no bytes for the views any more. */
  lost(): KmemError {
    const details = { openedBytes: this.#openedBytes, bufferBytes: this.byteLength };
    if (isDetached(this.buffer)) return new KmemError("DETACHED", DETACHED_TEXT, details);
    const text =
      `the buffer was made shorter: it had ${this.#openedBytes} bytes when it was opened, ` +
      `and has ${this.byteLength} now`;
    return new KmemError("DETACHED", text, details);
  }

  /**
   * Makes the views reach `end`, a byte that the memory has for certain: a thread may see late what another one has
   * grown, so that `refresh` alone is not enough.
   */
  waitForLength(end: number): void {
    if (this.bytes.length >= end || this.kind !== "WebAssembly.Memory") return;
    for (let retry = 0; this.bytes.length < end && retry < LENGTH_RETRIES_MAX; retry++) {
      // To grow by nothing makes the engine look.
      this.#grow(0);
      this.refresh();
    }
  }

  /** Bytes that the memory has at this instant, whichever thread or program has grown it. */
  presentBytes(): number {
    // What another thread has added to a buffer's length may be seen late; what grow answers with is not.
    return this.mayGrow && this.isShared ? this.#grow(0) * WASM_PAGE_SIZE : this.byteLength;
  }

  /**
   * Adds at least so many bytes, in whole pages of WebAssembly, at the end of the memory, and returns which they are:
   * the caller's alone, also where others grow the memory at the same time. Undefined, with nothing changed, where it
   * cannot grow that far; every kind but a WebAssembly.Memory is fixed.
   */
  growBy(byteCount: number): AddedBytes | undefined {
    if (this.kind !== "WebAssembly.Memory") return undefined;
    const pageCount = Math.ceil(byteCount / WASM_PAGE_SIZE);
    const added = this.#hooks.grow === undefined ? this.#growByEngine(pageCount) : this.#growByHook(pageCount);
    // A hook may have grown the memory and refuse all the same: the views follow that too.
    this.refresh();
    if (added === undefined) return undefined;
    this.waitForLength(added.end);
    this.#tell();
    return added;
  }

  #growByEngine(pageCount: number): AddedBytes | undefined {
    try {
      const first = this.#grow(pageCount) * WASM_PAGE_SIZE;
      return { first, end: first + pageCount * WASM_PAGE_SIZE };
    } catch {
      return undefined;
    }
  }

  /** Pages that a hook adds and then says that it could not, or too few of them, belong to no heap. */
  #growByHook(pageCount: number): AddedBytes | undefined {
    const first = this.byteLength;
    let hasGrown = false;
    try {
      hasGrown = this.#inHook(() => this.#hooks.grow?.(pageCount)) === true;
    } catch {
      return undefined;
    }
    const end = this.byteLength;
    return hasGrown && end >= first + pageCount * WASM_PAGE_SIZE ? { first, end } : undefined;
  }

  #tell(): void {
    const { onGrow } = this.#hooks;
    if (onGrow === undefined) return;
    try {
      this.#inHook(() => onGrow(this.byteLength));
    } catch (error) {
      // Locks are held here, and pages have been added: nothing may be thrown.
      void Promise.reject(error);
    }
  }

  #inHook<Result>(run: () => Result): Result {
    this.#isInHook = true;
    try {
      return run();
    } finally {
      this.#isInHook = false;
    }
  }

  /** Grows by so many pages of WebAssembly, with addresses of 32 bits or of 64; returns how many there were. */
  #grow(pageCount: number): number {
    const memory = this.source as WebAssembly.Memory;
    if (!this.#is64) {
      try {
        return memory.grow(pageCount);
      } catch (error) {
        // Nothing else can be wrong with the type of a number: the memory counts in BigInts.
        if (!(error instanceof TypeError)) throw error;
        this.#is64 = true;
      }
    }
    return Number(memory.grow(BigInt(pageCount) as unknown as number));
  }
}

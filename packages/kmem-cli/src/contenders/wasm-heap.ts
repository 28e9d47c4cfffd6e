import { readFileSync } from "node:fs";
import process from "node:process";
import type { HeapPlan, ReplayCache, ReplayHeap, ReplayPages } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";
import { BlockPages } from "./block-pages.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";
import { addressOf, refusal } from "./out-of-memory.ts";
import { WASM_FILE_VARIABLE } from "./wasm-file.ts";

const WASM_PAGE_BYTES = 65_536;
/** Pages that there are at first: what the modules declare. */
const INITIAL_PAGES = 2;

/** Memories of WebAssembly have whole pages. */
export const memoryGrainBytes: number = WASM_PAGE_BYTES;

/** The functions that such a module exports; addresses and sizes are taken and given as 32-bit integers, signed. */
interface MallocExports {
  /** What a module of C must have run first, by wasi-libc's name for it and by Emscripten's. */
  __wasm_call_ctors?(): void;
  _initialize?(): void;
  malloc(sizeBytes: number): number;
  calloc(count: number, sizeBytes: number): number;
  realloc(address: number, sizeBytes: number): number;
  /** One of these two: some take no size in `aligned_alloc` that is no multiple of the alignment. */
  aligned_alloc?(alignmentBytes: number, sizeBytes: number): number;
  memalign?(alignmentBytes: number, sizeBytes: number): number;
  free(address: number): void;
  malloc_usable_size(address: number): number;
}

/** A malloc in WebAssembly, called from JavaScript; the module's file is named by the environment. */
export function createHeap(plan: Pick<HeapPlan, "peakLiveBytes" | "memoryBytes">): WasmHeap {
  const path = process.env[WASM_FILE_VARIABLE];
  if (path === undefined) throw new Error(`${WASM_FILE_VARIABLE} names no module`);
  return new WasmHeap(readFileSync(path), heapBytes(plan.peakLiveBytes * HEAP_BYTES_PER_LIVE_BYTE, plan));
}

/**
 * The malloc of one WebAssembly module over a memory that it grows by itself, up to a maximum. Each call goes straight
 * to an exported function, which V8 inlines the way to: a process makes one heap, so every call here has one target.
 */
export class WasmHeap implements ReplayHeap {
  readonly pages: ReplayPages;
  readonly #memory: WebAssembly.Memory;
  readonly #malloc: MallocExports["malloc"];
  readonly #calloc: MallocExports["calloc"];
  readonly #realloc: MallocExports["realloc"];
  readonly #alignedAlloc: NonNullable<MallocExports["aligned_alloc"]>;
  readonly #free: MallocExports["free"];
  readonly #usableSize: MallocExports["malloc_usable_size"];
  /** The end of the highest block whose size anybody asked for. */
  #highestEnd = 0;

  constructor(module: BufferSource, maxBytes: number) {
    const compiled = new WebAssembly.Module(module);
    const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: maxBytes / WASM_PAGE_BYTES });
    // AssemblyScript's refuses by this what is larger than its largest block.
    const abort = (): never => {
      throw refusal();
    };
    const env = { memory, abort, emscripten_notify_memory_growth: () => {} };
    const functions = new WebAssembly.Instance(compiled, { env }).exports as unknown as MallocExports;
    (functions.__wasm_call_ctors ?? functions._initialize)?.();
    this.#memory = memory;
    this.#malloc = functions.malloc;
    this.#calloc = functions.calloc;
    this.#realloc = functions.realloc;
    this.#alignedAlloc = (functions.memalign ?? functions.aligned_alloc)!;
    this.#free = functions.free;
    this.#usableSize = functions.malloc_usable_size;
    this.pages = new BlockPages(maxBytes / PAGE_BYTES, {
      alloc: (sizeBytes) => this.#takePages(sizeBytes),
      free: (address) => this.free(address),
    });
  }

  /** The memory as it is now: it is another one after the module has grown it. */
  get buffer(): ArrayBuffer {
    return this.#memory.buffer as ArrayBuffer;
  }

  /**
   * High-water mark: all below the end of the highest block there has been, with what the module needs for itself. It
   * is moved where sizes are asked for, which the account does of every block and the timed loops never do.
   */
  get footprintBytes(): number {
    return this.#highestEnd;
  }

  alloc(sizeBytes: number): number {
    try {
      return addressOf(this.#malloc(sizeBytes));
    } catch (error) {
      throw asOutOfMemory(error);
    }
  }

  calloc(count: number, sizeBytes: number): number {
    try {
      return addressOf(this.#calloc(count, sizeBytes));
    } catch (error) {
      throw asOutOfMemory(error);
    }
  }

  realloc(address: number, sizeBytes: number): number {
    try {
      return addressOf(this.#realloc(address, sizeBytes));
    } catch (error) {
      throw asOutOfMemory(error);
    }
  }

  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    try {
      return addressOf(this.#alignedAlloc(alignmentBytes, sizeBytes));
    } catch (error) {
      throw asOutOfMemory(error);
    }
  }

  free(address: number): void {
    this.#free(address);
  }

  usableSize(address: number): number {
    const usableBytes = this.#usableSize(address) >>> 0;
    if (address + usableBytes > this.#highestEnd) this.#highestEnd = address + usableBytes;
    return usableBytes;
  }

  createCache({ sizeBytes }: { readonly sizeBytes: number }): ReplayCache {
    return { alloc: () => this.alloc(sizeBytes), free: (address) => this.free(address) };
  }

  #takePages(sizeBytes: number): number {
    try {
      const address = this.alignedAlloc(PAGE_BYTES, sizeBytes);
      this.usableSize(address);
      return address;
    } catch {
      return 0;
    }
  }
}

/** AssemblyScript's malloc traps when the memory cannot grow, before it has changed anything. */
function asOutOfMemory(error: unknown): unknown {
  return error instanceof WebAssembly.RuntimeError && error.message === "unreachable" ? refusal() : error;
}

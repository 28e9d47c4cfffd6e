import { describeValue } from "./arguments.ts";
import { KmemError } from "./errors.ts";
import type { Extent } from "./geometry.ts";
import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";
import { LinearMemory, type MemorySource } from "./memory.ts";

/** Where a heap is made: in memory of the caller's or in memory of its own. */
export interface MemoryOptions {
  /** The buffer to use. Without it a new one is made. */
  readonly memory?: MemorySource;
  /** First byte of `memory` that the heap may use. Default 0. */
  readonly start?: number;
  /** One past the last byte that it may use. Default: the end of `memory`, or how far that may grow. */
  readonly end?: number;
  /** Bytes of a new buffer. Default 16 MiB. */
  readonly sizeBytes?: number;
  /** Bytes up to which a new buffer may grow; it is then a WebAssembly.Memory. Default: it does not grow. */
  readonly maximumBytes?: number;
  /** Whether a new buffer can be shared between threads. Default true. */
  readonly shared?: boolean;
}

/** The part of a memory that a heap gets. */
export interface NewMemory {
  readonly memory: LinearMemory;
  readonly extent: Extent;
}

const DEFAULT_SIZE_BYTES = 16 * 1024 * 1024;

function requireBufferSize(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= ADDRESS_SPACE_BYTES) return;
  throw new KmemError(
    "BAD_ARGUMENT",
    `${name} is a whole number of bytes from 0 to 2^32, not ${describeValue(value)}`,
    {
      [name]: value,
    },
  );
}

/** Resolves the options to a memory and the part of it to use. Throws BAD_ARGUMENT for options that contradict. */
export function newMemory(options: MemoryOptions): NewMemory {
  const { start = 0 } = options;
  if (options.memory !== undefined) {
    if (options.sizeBytes !== undefined || options.maximumBytes !== undefined) {
      throw new KmemError("BAD_ARGUMENT", "give either a memory or the size of a new one, not both", {});
    }
    const memory = new LinearMemory(options.memory);
    const end = options.end ?? memory.byteLength;
    const canGrow = memory.kind === "WebAssembly.Memory" && options.end === undefined;
    return { memory, extent: { start, end, limit: canGrow ? maximumOf(memory) : end } };
  }
  const sizeBytes = options.sizeBytes ?? Math.min(DEFAULT_SIZE_BYTES, options.maximumBytes ?? DEFAULT_SIZE_BYTES);
  const maximumBytes = options.maximumBytes ?? sizeBytes;
  const shared = options.shared ?? true;
  requireBufferSize("sizeBytes", sizeBytes);
  requireBufferSize("maximumBytes", maximumBytes);
  if (maximumBytes < sizeBytes) {
    throw new KmemError("BAD_ARGUMENT", `maximumBytes (${maximumBytes}) is less than sizeBytes (${sizeBytes})`, {});
  }
  const source = makeSource(sizeBytes, options.maximumBytes, shared);
  const memory = new LinearMemory(source);
  const end = options.end ?? memory.byteLength;
  return { memory, extent: { start, end, limit: options.end ?? maximumBytes, isZeroed: true } };
}

function makeSource(sizeBytes: number, maximumBytes: number | undefined, shared: boolean): MemorySource {
  if (shared && typeof SharedArrayBuffer === "undefined") {
    const text =
      "there is no shared memory here: a browser's page has it only when it is cross-origin isolated (headers COOP " +
      "and COEP). With shared: false the heap is one thread's";
    throw new KmemError("BAD_ARGUMENT", text, { shared });
  }
  if (maximumBytes === undefined) return shared ? new SharedArrayBuffer(sizeBytes) : new ArrayBuffer(sizeBytes);
  return new WebAssembly.Memory({
    initial: Math.ceil(sizeBytes / WASM_PAGE_SIZE),
    maximum: Math.ceil(maximumBytes / WASM_PAGE_SIZE),
    shared,
  });
}

/**
 * How far a memory made elsewhere may grow. The platform does not tell on all engines; where it does not, the heap
 * keeps to what there is.
 */
function maximumOf(memory: LinearMemory): number {
  const source = memory.source as WebAssembly.Memory & { type?: () => { maximum?: number } };
  const maximumPages = source.type?.().maximum;
  return maximumPages === undefined ? memory.byteLength : maximumPages * WASM_PAGE_SIZE;
}

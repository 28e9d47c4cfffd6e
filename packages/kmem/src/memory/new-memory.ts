import { describeValue } from "./arguments.ts";
import { ownedBuffer } from "./buffer-owner.ts";
import { KmemError } from "./errors.ts";
import { type Extent, requireByteOffset } from "./geometry.ts";
import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";
import { maximumOf } from "./maximum.ts";
import { type GrowthHooks, LinearMemory, type MemorySource } from "./memory.ts";

/** Where a heap is made: in memory of the caller's or in memory of its own. */
export interface MemoryOptions extends GrowthHooks {
  /** The buffer to use. Without it a new one is made. */
  readonly memory?: MemorySource;
  /** First byte of `memory` that the heap may use. Default 0. */
  readonly start?: number;
  /**
   * One past the last byte that is the heap's at first. Default: the end of `memory`. Whatever lies after it, and all
   * that anybody else adds to the memory later, is not the heap's and is never touched.
   */
  readonly end?: number;
  /** Bytes of a new buffer. Default 16 MiB. */
  readonly sizeBytes?: number;
  /**
   * The byte up to which the heap may grow its memory. Tables, 6.7 % of that, are made for it at once, but where the
   * memory is not shared: there they grow with it. A new buffer is then a WebAssembly.Memory; the default is not to
   * grow. Of a `memory` that is a WebAssembly.Memory the default is `end` where that is given; else how far the memory
   * may grow, and eight times what there is where it has no maximum.
   */
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
/** A memory without a maximum is planned to grow to so many times its size: the tables for that take half of it. */
const UNBOUNDED_GROWTH = 8;

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
  if (options.memory !== undefined) return givenMemory(options.memory, options);
  const sizeBytes = options.sizeBytes ?? Math.min(DEFAULT_SIZE_BYTES, options.maximumBytes ?? DEFAULT_SIZE_BYTES);
  const maximumBytes = options.maximumBytes ?? sizeBytes;
  const shared = options.shared ?? true;
  requireBufferSize("sizeBytes", sizeBytes);
  requireBufferSize("maximumBytes", maximumBytes);
  if (maximumBytes < sizeBytes) {
    throw new KmemError("BAD_ARGUMENT", `maximumBytes (${maximumBytes}) is less than sizeBytes (${sizeBytes})`, {});
  }
  if (options.grow !== undefined) {
    throw new KmemError("BAD_ARGUMENT", "grow is for a memory of the caller's: a new one is grown by the heap", {});
  }
  const source = makeSource(sizeBytes, options.maximumBytes, shared);
  const memory = new LinearMemory(source, hooksOf(options));
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
  if (maximumBytes === undefined) return newBuffer(sizeBytes, shared);
  return allocated(sizeBytes, () => newWasmMemory(sizeBytes, maximumBytes, shared));
}

/** Each WebAssembly memory takes gigabytes of addresses: smaller buffers are not worth that. */
const OWNED_BYTES_MIN = 1024 * 1024;

/**
 * A new buffer of so many bytes. A shared one is that of a WebAssembly memory, whose instructions clear and copy it
 * faster than JavaScript does. One that is not shared is so only where the engine gives none of 2 GiB otherwise
 * (Chromium 150 is one): it could not be transferred. Throws OUT_OF_MEMORY where the engine gives none.
 */
export function newBuffer(sizeBytes: number, shared: boolean): ArrayBuffer | SharedArrayBuffer {
  return allocated(sizeBytes, () => {
    const owned = (): ArrayBuffer | SharedArrayBuffer => ownedBuffer(newWasmMemory(sizeBytes, sizeBytes, shared));
    const own = (): ArrayBuffer | SharedArrayBuffer =>
      shared ? new SharedArrayBuffer(sizeBytes) : new ArrayBuffer(sizeBytes);
    if (sizeBytes % WASM_PAGE_SIZE !== 0 || typeof WebAssembly === "undefined") return own();
    return shared && sizeBytes >= OWNED_BYTES_MIN ? firstOf(owned, own) : firstOf(own, owned);
  });
}

/** What the first function returns, or the second one where that throws. */
function firstOf<Result>(first: () => Result, second: () => Result): Result {
  try {
    return first();
  } catch {
    return second();
  }
}

function newWasmMemory(sizeBytes: number, maximumBytes: number, shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({
    initial: Math.ceil(sizeBytes / WASM_PAGE_SIZE),
    maximum: Math.ceil(maximumBytes / WASM_PAGE_SIZE),
    shared,
  });
}

function allocated<Source>(sizeBytes: number, make: () => Source): Source {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const text = `the engine gives no buffer of ${sizeBytes} bytes: ${error.message}`;
    throw new KmemError("OUT_OF_MEMORY", text, { sizeBytes });
  }
}

/** The part of a memory made elsewhere that the options name. */
function givenMemory(
  source: MemorySource,
  { start = 0, end: givenEnd, sizeBytes, maximumBytes, ...hooks }: MemoryOptions,
): NewMemory {
  if (sizeBytes !== undefined) {
    throw new KmemError("BAD_ARGUMENT", "give either a memory or the size of a new one, not both", {});
  }
  const memory = new LinearMemory(source, hooksOf(hooks));
  if (hooks.grow !== undefined) requireOwnGrowth(memory);
  const presentBytes = Math.min(memory.presentBytes(), ADDRESS_SPACE_BYTES);
  const end = givenEnd ?? presentBytes;
  requireByteOffset("start", start);
  requireByteOffset("end", end);
  if (maximumBytes !== undefined) {
    requireBufferSize("maximumBytes", maximumBytes);
    requireGrowable(memory, maximumBytes, end);
  }
  const isFixed = maximumBytes === undefined && (givenEnd !== undefined || memory.kind !== "WebAssembly.Memory");
  const limit = isFixed ? end : Math.max(end, limitOf(memory, maximumBytes, Math.max(0, presentBytes - start)));
  return { memory, extent: { start, end, limit, presentBytes } };
}

function hooksOf({ grow, onGrow }: GrowthHooks): GrowthHooks {
  return { ...(grow === undefined ? {} : { grow }), ...(onGrow === undefined ? {} : { onGrow }) };
}

/** Only where nobody else can grow the memory during a call of `grow` is what it adds known. */
function requireOwnGrowth(memory: LinearMemory): void {
  if (memory.kind === "WebAssembly.Memory" && !memory.isShared) return;
  const text =
    memory.kind === "WebAssembly.Memory"
      ? "grow is for memory that is not shared: a shared one is grown by memory.grow, which says whose the pages are"
      : `grow is for memory that grows, a WebAssembly.Memory; the ${memory.kind} given does not`;
  throw new KmemError("BAD_ARGUMENT", text, {});
}

function requireGrowable(memory: LinearMemory, maximumBytes: number, end: number): void {
  const details = { maximumBytes, end };
  if (memory.kind !== "WebAssembly.Memory") {
    const text = `maximumBytes is for memory that grows, a WebAssembly.Memory; the ${memory.kind} given does not`;
    throw new KmemError("BAD_ARGUMENT", text, details);
  }
  if (maximumBytes >= end) return;
  throw new KmemError("BAD_ARGUMENT", `maximumBytes (${maximumBytes}) is less than the heap's end (${end})`, details);
}

/** How far a heap may grow a memory made elsewhere, of which it has so many bytes now. */
function limitOf({ source }: LinearMemory, maximumBytes: number | undefined, spanBytes: number): number {
  const maximum = maximumOf(source as WebAssembly.Memory);
  if (maximum !== undefined) return Math.min(maximum, maximumBytes ?? maximum);
  const present = (source as WebAssembly.Memory).buffer.byteLength;
  return maximumBytes ?? Math.min(present + spanBytes * (UNBOUNDED_GROWTH - 1), ADDRESS_SPACE_BYTES);
}

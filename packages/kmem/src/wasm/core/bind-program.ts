import { accessTo, layersOf } from "../../heap/access.ts";
import { hasSameBytes } from "../../heap/attachment.ts";
import type { BaseHeap } from "../../heap/base-heap.ts";
import type { PathListener } from "../../heap/path-listeners.ts";
import { badArgument, reading, requireObject } from "../../memory/arguments.ts";
import { headerWord } from "../../memory/header.ts";
import {
  ADDRESS_SPACE_BYTES,
  GRANULE,
  Header,
  HeapFlag,
  PAGE_SHIFT,
  PAGE_SIZE,
  WASM_PAGE_SIZE,
  WORD_BYTES,
} from "../../memory/layout.ts";
import type { FastPathContext } from "../../slab/fast-path.ts";
import { AreaWord } from "../../slab/layout.ts";
import { tagView } from "../../slab/tags.ts";
import { CORE_MEMORY, type CoreGlobalName, coreExport, coreGlobals } from "./layout.ts";

/** The exports of an instance, as far as is known. */
export type ProgramExports = Readonly<Record<string, unknown>>;

/** What an instance with a heap's fast paths exports for them. */
interface Core {
  readonly memory: WebAssembly.Memory;
  /** The flags of the heaps that it serves, of {@link PATH_FLAGS}. */
  readonly heapFlags: number;
  /** Base is the first. */
  readonly globals: readonly (readonly [CoreGlobalName, WebAssembly.Global])[];
}

/** What the fast paths depend on: heaps that are wrapped, or whose frees exchange the tag atomically, have no core. */
const PATH_FLAGS: number = HeapFlag.EXACT_FREES | HeapFlag.DEBUGGED | HeapFlag.SAMPLED;
/** The last size that an offset from the heap's start is below. */
const MOST_BYTES: number = ADDRESS_SPACE_BYTES - GRANULE;

/** By the first of its globals, the listener that an instance listens to: the one of the heap that was bound last. */
const listeners = new WeakMap<WebAssembly.Global, PathListener>();
/** Instances whose heap is still to be made, by their memory and the byte at which it is to begin. */
const waiting = new WeakMap<WebAssembly.Memory, Map<number, Core>>();

/** Whether a value is a global that a number can be stored in. */
function isVariable(value: unknown): value is WebAssembly.Global {
  if (!(value instanceof WebAssembly.Global) || typeof value.value !== "number") return false;
  try {
    value.value = Number(value.value);
    return true;
  } catch {
    return false;
  }
}

function coreOf(exports: ProgramExports): Core | undefined {
  const memory = exports[CORE_MEMORY];
  if (!(memory instanceof WebAssembly.Memory)) return undefined;
  for (const isCounted of [false, true]) {
    const globals = coreGlobals(isCounted).map((name) => [name, exports[coreExport(name, isCounted)]] as const);
    if (!globals.every(([, one]) => isVariable(one))) continue;
    return { memory, heapFlags: isCounted ? HeapFlag.SAMPLED : 0, globals: globals as Core["globals"] };
  }
  return undefined;
}

/** What the globals say for a heap whose fast path is bound so. */
function valuesFor({ memory, geometry, areaWord, slot }: FastPathContext): Record<CoreGlobalName, number> {
  const base = geometry.baseFrame * PAGE_SIZE;
  const tags = tagView(memory, geometry);
  const frameBytes = (geometry.limitFrame - geometry.baseFrame) * PAGE_SIZE;
  const coveredBytes = Math.min(tags.length * GRANULE, frameBytes, MOST_BYTES);
  // Where threads share the memory it may have grown unseen; where not, a growth has the core bound again.
  const size = memory.isShared ? coveredBytes : Math.min(coveredBytes, memory.bytes.length - base);
  return {
    base,
    size,
    tops: (areaWord + AreaWord.TOPS) * WORD_BYTES,
    count: (areaWord + AreaWord.SAMPLE_IN) * WORD_BYTES,
    tags: tags.byteOffset,
    kinds: geometry.kindTable,
    live_tag: slot + 1,
    pages: memory.bytes.length / WASM_PAGE_SIZE,
  };
}

function isServing({ heapFlags }: Core, { memory, geometry }: FastPathContext): boolean {
  return (memory.words[headerWord(geometry, Header.FLAGS)] & PATH_FLAGS) === heapFlags;
}

/** Binds an instance to a heap for as long as it is bound to no other; returns whether the instance serves the heap. */
function bind(heap: BaseHeap, core: Core): boolean {
  const { globals } = core;
  const key = globals[0]![1];
  let isBound = false;
  const listener: PathListener = (context) => {
    if (listeners.get(key) !== listener) return;
    const values = context !== undefined && isServing(core, context) ? valuesFor(context) : undefined;
    isBound = values !== undefined;
    for (const [name, global] of globals) global.value = values?.[name] ?? 0;
  };
  listeners.set(key, listener);
  accessTo(heap).subscribe(listener);
  return isBound;
}

/** Remembers the exports of an instance until the heap is there that begins at `start` in its memory. */
export function awaitHeap(exports: ProgramExports, start: number): void {
  const core = reading("program", exports, () => coreOf(exports));
  if (core === undefined) return;
  const places = waiting.get(core.memory) ?? new Map<number, Core>();
  waiting.set(core.memory, places.set(start, core));
}

/** Binds the instance that waits for a heap, if there is one. */
export function bindAwaited(heap: BaseHeap): void {
  const { memory, geometry } = layersOf(heap);
  if (memory.kind !== "WebAssembly.Memory") return;
  const places = waiting.get(memory.source as WebAssembly.Memory);
  const start = geometry.baseFrame << PAGE_SHIFT;
  const core = places?.get(start >>> 0);
  if (core === undefined) return;
  places?.delete(start >>> 0);
  bind(heap, core);
}

/**
 * Binds an instance of an adopted module to its heap, so that most of its calls of malloc and free are served within
 * the module: `exports` are the instance's. Where one thread makes the heap by `programHeapOptions` with the exports
 * and hands a function for it to `cMalloc`, that happens by itself; this is for heaps that are attached, as by the
 * workers of a program with threads, each for its own instance, and for those that are there before the instance.
 *
 * The functions follow the heap: where its memory grows they are bound again, and after `detach` every call goes to
 * the imports. Returns false, and all goes to the imports, for modules that were adopted without `merge`, for a
 * `DebugHeap`, for a `SampledHeap` unless the module was adopted with `merge: "sampled"`, and for a plain heap if it
 * was, for a heap whose `alloc` or `free` was replaced, and with `exactFrees`. Throws
 * BAD_ARGUMENT for what is no heap or has no exports, and for a heap in another memory; DETACHED.
 */
export function bindProgram(heap: BaseHeap, exports: ProgramExports): boolean {
  const layers = accessTo(heap).current();
  requireObject("exports", exports);
  const core = reading("exports", exports, () => coreOf(exports));
  if (core === undefined) return false;
  const { memory } = core;
  if (layers.memory.source !== memory && !hasSameBytes(layers, memory.buffer)) {
    throw badArgument("heap", "a heap in the memory of the program", heap);
  }
  return bind(heap, core);
}

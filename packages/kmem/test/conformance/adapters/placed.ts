import { DebugHeap } from "../../../src/debug/index.ts";
import { Heap, loadDump } from "../../../src/index.ts";
import { type HeapMaker, memoryCasesOf, type MemoryCase as Place } from "../../support/memories.ts";
import type { Adapter, Allocator, MemoryCase } from "../allocator.ts";
import { collector, debugAllocator, debugHeapAdapter } from "./debug-heap.ts";
import { heapAdapter, heapAllocator } from "./heap.ts";

/** Small: every block that a memory holds is filled, read and checked several times over. */
const MEMORY_MIB = 2;
/** The places before this one are memories of the heap's own, as every kind of memory is tried anyway. */
const FIRST_PART = 6;

/** An allocator in the one place that it is made in. */
export interface Placed {
  readonly adapter: Adapter;
  readonly memory: MemoryCase;
}

function placed(base: Adapter, place: Place, makeAllocator: (heap: Heap) => Allocator): Placed {
  const { name, sizeBytes, maximumBytes } = place;
  const create = (): Allocator => {
    const { heap, foreignFault } = place.make();
    const fault = (): string | undefined => {
      const at = foreignFault();
      return at === -1 ? undefined : `byte ${at} outside of the heap has changed`;
    };
    return { ...makeAllocator(heap), foreignFault: fault };
  };
  // The place has its own memory.
  const memory = { name, sizeBytes, maximumBytes, make: () => new ArrayBuffer(0) };
  return { adapter: { ...base, name: `${base.name}, placed,`, create }, memory };
}

const plainMaker: HeapMaker = {
  create: (given) => Heap.create(given),
  attach: (source, options) => Heap.attach(source, options),
  load: loadDump,
};

const bugs = collector();

const debugMaker: HeapMaker = {
  create: (given) => DebugHeap.create({ ...given, ...bugs.options, debug: "FZP" }),
  attach: (source, options) => DebugHeap.attach(source, { ...options, ...bugs.options }),
  load: (dump) => DebugHeap.load(dump, bugs.options),
};

/** Heaps in parts of memories, at their ends, attached and loaded. */
export const PLACED: readonly Placed[] = [
  ...memoryCasesOf(plainMaker, MEMORY_MIB).map((place) =>
    placed(heapAdapter, place, (heap) => heapAllocator(heap, place.maximumBytes)),
  ),
  ...memoryCasesOf(debugMaker, MEMORY_MIB)
    .slice(FIRST_PART)
    .map((place) =>
      placed(debugHeapAdapter, place, (heap) => {
        bugs.reports.length = 0;
        return debugAllocator(heap, place.maximumBytes, bugs);
      }),
    ),
];

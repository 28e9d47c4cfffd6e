import type { Layers } from "../../../src/kmalloc/layers.ts";
import { createLayers, THREADS } from "../../../src/kmalloc/open-layers.ts";
import { newMemory } from "../../../src/memory/new-memory.ts";
import type { MemoryCase } from "../allocator.ts";
import { heapOptions } from "./heap.ts";

/** The layers below a heap over a memory, for engines that stand on them without one. */
export function newLayers(memory: MemoryCase): Layers {
  const { memory: linear, extent } = newMemory(heapOptions(memory));
  return createLayers(linear, { ...extent, slotCount: 4 }, {}, THREADS);
}

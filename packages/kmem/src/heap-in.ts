import { Heap } from "./heap.ts";
import { Header, MAGIC } from "./memory/layout.ts";
import { LinearMemory, type MemorySource } from "./memory/memory.ts";

/** The heap that a face works on: the one given, or that of a buffer, which gets one now if it has none. */
export function heapIn(memory: Heap | MemorySource): Heap {
  if (memory instanceof Heap) return memory;
  const isHeap = new LinearMemory(memory).words[Header.MAGIC] === MAGIC;
  return isHeap ? Heap.attach(memory) : Heap.create({ memory });
}

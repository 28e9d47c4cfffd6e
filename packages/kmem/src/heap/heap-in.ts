import { reading } from "../memory/arguments.ts";
import { Header, MAGIC } from "../memory/layout.ts";
import { LinearMemory, type MemorySource } from "../memory/memory.ts";
import { Heap } from "./heap.ts";

/** The heap that a face works on: the one given, or that of a buffer, which gets one now if it has none. */
export function heapIn(given: Heap | MemorySource): Heap {
  if (isHeap(given)) return given;
  const isThere = new LinearMemory(given).words[Header.MAGIC] === MAGIC;
  return isThere ? Heap.attach(given) : Heap.create({ memory: given });
}

function isHeap(given: Heap | MemorySource): given is Heap {
  return reading("memory", given, () => given instanceof Heap);
}

import type { HeapOptions } from "kmem";
import { HEAP_OPTIONS_VARIABLE } from "../heaps/heap-options-variable.ts";
import type { Contender } from "../replay/contender.ts";
import { heapContender, packageModule } from "./heap-contender.ts";

/** kmem with options of its heap. */
export function kmemWith(options: HeapOptions): Contender {
  const env = { [HEAP_OPTIONS_VARIABLE]: JSON.stringify(options) };
  return heapContender("kmem", packageModule("heaps/kmem"), "", { find: async () => ({ version: "", env }) });
}

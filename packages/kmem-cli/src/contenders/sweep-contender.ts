import type { HeapOptions } from "kmem";
import type { Contender } from "../replay/contender.ts";
import { heapContender, packageModule } from "./heap-contender.ts";
import { HEAP_OPTIONS_VARIABLE } from "./heap-options-variable.ts";

/** kmem with options of its heap. */
export function kmemWith(options: HeapOptions): Contender {
  const env = { [HEAP_OPTIONS_VARIABLE]: JSON.stringify(options) };
  return heapContender("kmem", packageModule("contenders/kmem"), "", { find: async () => ({ version: "", env }) });
}

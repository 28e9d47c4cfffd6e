import type { CFunctionName } from "../allocator/roles.ts";

/**
 * What the fast paths of a heap become in a module: functions behind those of the program, and globals that say where
 * the heap is. The globals are exported, so that JavaScript sets them when the heap is bound to the program and again
 * when its memory has grown; all are 0 before, and then every call goes to the imports.
 */
const CORE_GLOBALS = ["base", "size", "tops", "tags", "kinds", "live_tag", "pages"] as const;
/** And where the count of a `SampledHeap` lies, in modules whose paths count. */
const COUNT_GLOBAL = "count";
/** One of them. */
export type CoreGlobalName = (typeof CORE_GLOBALS)[number] | typeof COUNT_GLOBAL;

/** The globals of a core, in the order of their indexes. */
export function coreGlobals(isCounted: boolean): readonly CoreGlobalName[] {
  return isCounted ? [...CORE_GLOBALS, COUNT_GLOBAL] : CORE_GLOBALS;
}

/** The name that a global of the core is exported by: another one where its paths count, so that none passes for both. */
export function coreExport(name: CoreGlobalName, isCounted = false): string {
  return isCounted ? `kmem:sampled:${name}` : `kmem:${name}`;
}

/** The name that the memory is exported by besides, to tell whether a heap is in it. */
export const CORE_MEMORY = "kmem:memory";

/** The functions of C that have a fast path in the module; the others are imports only. */
export const CORE_FUNCTIONS: readonly CFunctionName[] = [
  "malloc",
  "free",
  "calloc",
  "realloc",
  "aligned_alloc",
  "memalign",
  "malloc_usable_size",
];

/** What the name section calls such a function, to tell it from the import. */
export function coreName(name: CFunctionName): string {
  return `kmem.${name}`;
}

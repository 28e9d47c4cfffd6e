import type { CatalogueCase } from "./case.ts";
import { KASAN_CACHE_CASES } from "./kasan-cache-cases.ts";
import { KASAN_KMALLOC_CASES } from "./kasan-kmalloc-cases.ts";
import { KASAN_KREALLOC_CASES } from "./kasan-krealloc-cases.ts";
import { KFENCE_CASES } from "./kfence-cases.ts";
import { OWN_CASES } from "./own-cases.ts";
import { SLUB_CASES } from "./slub-cases.ts";

/** The whole catalogue, in the order of the table in docs/memory-bugs.md. */
export const CASES: readonly CatalogueCase[] = [
  ...SLUB_CASES,
  ...KASAN_KMALLOC_CASES,
  ...KASAN_KREALLOC_CASES,
  ...KASAN_CACHE_CASES,
  ...KFENCE_CASES,
  ...OWN_CASES,
];

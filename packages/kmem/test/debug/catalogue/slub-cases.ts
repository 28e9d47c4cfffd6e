import { GFP_KERNEL } from "../../../src/kernels/linux/linux.ts";
import type { CatalogueCase } from "./case.ts";
import { INTO_FREED, NEXT_TO_FREED, NEXT_TO_LIVE, REFUSED } from "./moments.ts";

/** Linux's lib/slub_kunit.c. */
export const SLUB_CASES: readonly CatalogueCase[] = [
  {
    suite: "slub_kunit",
    name: "test_clobber_zone",
    what: "a byte behind an object of a cache",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+64-object+64 @offset=N. First byte 0x12 instead of 0xcc",
      "BUG TestSlub_RZ_alloc: Object corrupt",
      "FIX TestSlub_RZ_alloc: Restoring Right Redzone object+64-object+64=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("TestSlub_RZ_alloc", 64);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => write(p + 64, 0x12), free: () => calls.kmem_cache_free(s, p) };
    },
  },
  {
    suite: "slub_kunit",
    name: "test_next_pointer",
    what: "four bytes in the middle of a freed object, where SLUB has the pointer to the next",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+32-object+35 @offset=N. First byte 0x12 instead of 0x6b",
      "BUG TestSlub_next_ptr: Object corrupt",
      "FIX TestSlub_next_ptr: Restoring Poison object+32-object+35=0x6b",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("TestSlub_next_ptr", 64);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => write(p + 32, 0x12, 0x34, 0x56, 0x78) };
    },
  },
  {
    suite: "slub_kunit",
    name: "test_first_word",
    what: "the first byte of a freed object",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x78 instead of 0x6b",
      "BUG TestSlub_1th_word: Object corrupt",
      "FIX TestSlub_1th_word: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("TestSlub_1th_word", 64);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => write(p, 0x78) };
    },
  },
  {
    suite: "slub_kunit",
    name: "test_clobber_50th_byte",
    what: "byte 50 of a freed object",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+50-object+50 @offset=N. First byte 0x9a instead of 0x6b",
      "BUG TestSlub_50th_word: Object corrupt",
      "FIX TestSlub_50th_word: Restoring Poison object+50-object+50=0x6b",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("TestSlub_50th_word", 64);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => write(p + 50, 0x9a) };
    },
  },
  {
    suite: "slub_kunit",
    name: "test_clobber_redzone_free",
    what: "a byte behind a freed object",
    ...NEXT_TO_FREED,
    says: [
      "[Right Redzone overwritten] object+64-object+64 @offset=N. First byte 0xab instead of 0xbb",
      "BUG TestSlub_RZ_free: Object corrupt",
      "FIX TestSlub_RZ_free: Restoring Right Redzone object+64-object+64=0xbb",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("TestSlub_RZ_free", 64);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => write(p + 64, 0xab) };
    },
  },
  {
    suite: "slub_kunit",
    name: "test_kmalloc_redzone_access",
    what: "the two bytes behind 18 that were asked for, in a block of 32",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+18-object+19 @offset=N. First byte 0xab instead of 0xcc",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring kmalloc Redzone object+18-object+19=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(18);
      return { object: p, bug: () => write(p + 18, 0xab, 0xcd), free: () => heap.free(p) };
    },
  },
  {
    suite: "slub_kunit",
    name: "test_leak_destroy",
    what: "a cache is destroyed while an object is live",
    ...REFUSED,
    says: ["kmem_cache_destroy: Can't free all objects object+0"],
    stage: ({ calls, cache }) => {
      const s = cache("TestSlub_leak", 64);
      calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: s, bug: () => calls.kmem_cache_destroy(s) };
    },
  },
];

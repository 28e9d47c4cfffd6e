import { GFP_KERNEL } from "../../../src/kernels/linux/linux.ts";
import type { CatalogueCase } from "./case.ts";
import { INTO_FREED, NEXT_TO_LIVE, REFUSED, UNSEEN } from "./moments.ts";

/** Those of mm/kasan/kasan_test_c.c that are about caches, mempools and vmalloc. */
export const KASAN_CACHE_CASES: readonly CatalogueCase[] = [
  {
    suite: "kasan",
    name: "kmem_cache_oob",
    what: "the byte behind an object of 200",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+200-object+200 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Right Redzone object+200-object+200=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("test_cache", 200);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => write(p + 200, 0x78), free: () => calls.kmem_cache_free(s, p) };
    },
  },
  {
    suite: "kasan",
    name: "kmem_cache_double_free",
    what: "a second free of an object",
    ...REFUSED,
    says: [
      "BUG test_cache: Object already free",
      "FIX test_cache: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=test_cache)",
    ],
    stage: ({ calls, cache }) => {
      const s = cache("test_cache", 200);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => calls.kmem_cache_free(s, p) };
    },
  },
  {
    suite: "kasan",
    name: "kmem_cache_invalid_free",
    what: "a free of an object's second byte",
    ...REFUSED,
    says: [
      "BUG test_cache: Invalid object pointer object+1",
      "FIX test_cache: Object at object+1 not freed",
      "kmem_free: Bad obj addr (objp=object+1, name=test_cache)",
    ],
    stage: ({ calls, cache }) => {
      const s = cache("test_cache", 200);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => calls.kmem_cache_free(s, p + 1) };
    },
  },
  {
    suite: "kasan",
    name: "kmem_cache_double_destroy",
    what: "a cache is destroyed twice",
    ...REFUSED,
    says: ["kmem_cache_destroy: bad cache pointer object+0"],
    stage: ({ calls, cache }) => {
      const s = cache("test_cache", 200);
      calls.kmem_cache_destroy(s);
      return { object: s, bug: () => calls.kmem_cache_destroy(s) };
    },
  },
  {
    suite: "kasan",
    name: "kmem_cache_bulk",
    what: "the byte behind each of three objects that were taken together",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Right Redzone object+128-object+128=0xcc",
      "[Right Redzone overwritten] object-80-object-80 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Right Redzone object-80-object-80=0xcc",
      "[Right Redzone overwritten] object-288-object-288 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Right Redzone object-288-object-288=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("test_cache", 128);
      const p: number[] = [];
      calls.kmem_cache_alloc_bulk(s, GFP_KERNEL, 3, p);
      return {
        object: p[0],
        bug: () => p.map((object) => write(object + 128, 0x78)),
        free: () => calls.kmem_cache_free_bulk(s, 3, p),
      };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_oob_right",
    what: "the byte behind an element of 128",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Right Redzone object+128-object+128=0xcc",
    ],
    stage: ({ calls, write }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 128);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      return { object: p, bug: () => write(p + 128, 0x78), free: () => calls.mempool_free(p, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_large_oob_right",
    what: "the byte behind an element of 40,000",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+40000-object+40000 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-large: Object corrupt",
      "FIX kmalloc-large: Restoring Right Redzone object+40000-object+40000=0xcc",
    ],
    stage: ({ calls, write }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 40_000);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      return { object: p, bug: () => write(p + 40_000, 0x78), free: () => calls.mempool_free(p, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_slab_oob_right",
    what: "the byte behind an element of a cache",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+124-object+124 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Right Redzone object+124-object+124=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const pool = calls.mempool_create_slab_pool(4, cache("test_cache", 124));
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      return { object: p, bug: () => write(p + 124, 0x78), free: () => calls.mempool_free(p, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_uaf",
    what: "the first byte of an element that went back to kmalloc",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x78 instead of 0x6b",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, write }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 128);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      calls.mempool_free(p, pool);
      return { object: p, bug: () => write(p, 0x78) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_large_uaf",
    what: "the first byte of an element of 40,000 that went back",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x78 instead of 0x6b",
      "BUG kmalloc-large: Object corrupt",
      "FIX kmalloc-large: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, write }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 40_000);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      calls.mempool_free(p, pool);
      return { object: p, bug: () => write(p, 0x78) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_slab_uaf",
    what: "the first byte of an element that went back to its cache",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x78 instead of 0x6b",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, cache, write }) => {
      const pool = calls.mempool_create_slab_pool(4, cache("test_cache", 124));
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      calls.mempool_free(p, pool);
      return { object: p, bug: () => write(p, 0x78) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_double_free",
    what: "a second free of an element",
    ...REFUSED,
    says: [
      "BUG kmalloc-128: Object already free",
      "FIX kmalloc-128: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=kmalloc-128)",
    ],
    stage: ({ calls }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 128);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      calls.mempool_free(p, pool);
      return { object: p, bug: () => calls.mempool_free(p, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_large_double_free",
    what: "a second free of an element of 40,000",
    ...REFUSED,
    says: [
      "BUG kmalloc-large: Object already free",
      "FIX kmalloc-large: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=kmalloc-large)",
    ],
    stage: ({ calls }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 40_000);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      calls.mempool_free(p, pool);
      return { object: p, bug: () => calls.mempool_free(p, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_slab_double_free",
    what: "a second free of an element of a cache",
    ...REFUSED,
    says: [
      "BUG test_cache: Object already free",
      "FIX test_cache: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=test_cache)",
    ],
    stage: ({ calls, cache }) => {
      const pool = calls.mempool_create_slab_pool(4, cache("test_cache", 124));
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      calls.mempool_free(p, pool);
      return { object: p, bug: () => calls.mempool_free(p, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_invalid_free",
    what: "a free of an element's second byte",
    ...REFUSED,
    says: [
      "BUG kmalloc-128: Invalid object pointer object+1",
      "FIX kmalloc-128: Object at object+1 not freed",
      "kfree: bad ptr object+1.",
    ],
    stage: ({ calls }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 128);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      return { object: p, bug: () => calls.mempool_free(p + 1, pool) };
    },
  },
  {
    suite: "kasan",
    name: "mempool_kmalloc_large_invalid_free",
    what: "a free of the second byte of an element of 40,000",
    ...REFUSED,
    says: [
      "BUG kmalloc-large: Invalid object pointer object+1",
      "FIX kmalloc-large: Object at object+1 not freed",
      "kfree: bad ptr object+1.",
    ],
    stage: ({ calls }) => {
      const pool = calls.mempool_create_kmalloc_pool(4, 40_000);
      const p = calls.mempool_alloc(pool, GFP_KERNEL);
      return { object: p, bug: () => calls.mempool_free(p + 1, pool) };
    },
  },
  {
    suite: "kasan",
    name: "vmalloc_oob",
    what: "the byte behind the last page of an area, its guard page",
    ...REFUSED,
    says: ["thrown: INVALID_ADDRESS"],
    stage: ({ calls }) => {
      const v = calls.vmalloc(2 * 4096);
      return { object: v, bug: () => calls.vm.readU8(v + 2 * 4096) };
    },
  },
  {
    suite: "kasan",
    name: "vmalloc_oob, in the page",
    what: "the byte behind an area, in its last page",
    ...UNSEEN,
    says: [],
    stage: ({ calls }) => {
      const v = calls.vmalloc(2048);
      return { object: v, bug: () => calls.vm.writeU8(v + 2048, 0x78), free: () => calls.vfree(v) };
    },
  },
];

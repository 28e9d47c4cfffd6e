import { GFP_KERNEL } from "../../../src/kernels/linux/linux.ts";
import type { CatalogueCase } from "./case.ts";
import { INTO_FREED, NEXT_TO_LIVE, REFUSED, UNSEEN } from "./moments.ts";

/** Linux's mm/kfence/kfence_test.c. */
export const KFENCE_CASES: readonly CatalogueCase[] = [
  {
    suite: "kfence",
    name: "test_out_of_bounds_read",
    what: "a byte behind a block is read as a byte of the buffer",
    ...UNSEEN,
    says: [],
    stage: ({ calls, read }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      return { object: p, bug: () => read(p + 32), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kfence",
    name: "test_out_of_bounds_read, by a view",
    what: "a view of 33 bytes is asked of a block of 32",
    ...REFUSED,
    says: ["thrown: INVALID_ADDRESS"],
    stage: ({ heap }) => {
      const p = heap.alloc(32);
      return { object: p, bug: () => heap.view(Uint8Array, p, 33) };
    },
  },
  {
    suite: "kfence",
    name: "test_out_of_bounds_write, left",
    what: "the byte before an object of a cache",
    ...NEXT_TO_LIVE,
    says: [
      "[Left Redzone overwritten] object-1-object-1 @offset=N. First byte 0x2a instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Left Redzone object-1-object-1=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("test_cache", 32);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => write(p - 1, 0x2a), free: () => calls.kmem_cache_free(s, p) };
    },
  },
  {
    suite: "kfence",
    name: "test_out_of_bounds_write, right",
    what: "the byte behind an object of a cache",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+32-object+32 @offset=N. First byte 0x2a instead of 0xcc",
      "BUG test_cache: Object corrupt",
      "FIX test_cache: Restoring Right Redzone object+32-object+32=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("test_cache", 32);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => write(p + 32, 0x2a), free: () => calls.kmem_cache_free(s, p) };
    },
  },
  {
    suite: "kfence",
    name: "test_use_after_free_read",
    what: "a byte of a freed block is read as a byte of the buffer",
    ...UNSEEN,
    says: [],
    stage: ({ calls, read }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => read(p) };
    },
  },
  {
    suite: "kfence",
    name: "test_use_after_free_read, by a view",
    what: "a view is asked of a freed block",
    ...REFUSED,
    says: ["thrown: INVALID_ADDRESS"],
    stage: ({ heap }) => {
      const p = heap.alloc(32);
      heap.free(p);
      return { object: p, bug: () => heap.view(Uint8Array, p, 1) };
    },
  },
  {
    suite: "kfence",
    name: "test_double_free",
    what: "a second free, with another free in between",
    ...REFUSED,
    says: [
      "BUG kmalloc-32: Object already free",
      "FIX kmalloc-32: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=kmalloc-32)",
    ],
    stage: ({ calls }) => {
      const [p, q] = [calls.kmalloc(32, GFP_KERNEL), calls.kmalloc(32, GFP_KERNEL)];
      calls.kfree(p);
      calls.kfree(q);
      return { object: p, bug: () => calls.kfree(p) };
    },
  },
  {
    suite: "kfence",
    name: "test_invalid_addr_free",
    what: "a free of a block's second byte",
    ...REFUSED,
    says: [
      "BUG kmalloc-32: Invalid object pointer object+1",
      "FIX kmalloc-32: Object at object+1 not freed",
      "kfree: bad ptr object+1.",
    ],
    stage: ({ calls }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      return { object: p, bug: () => calls.kfree(p + 1) };
    },
  },
  {
    suite: "kfence",
    name: "test_corruption, right",
    what: "the byte behind a block",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+32-object+32 @offset=N. First byte 0x2b instead of 0xcc",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring Right Redzone object+32-object+32=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      return { object: p, bug: () => write(p + 32, 0x2b), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kfence",
    name: "test_corruption, left",
    what: "the byte before a block",
    ...NEXT_TO_LIVE,
    says: [
      "[Left Redzone overwritten] object-1-object-1 @offset=N. First byte 0x2b instead of 0xcc",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring Left Redzone object-1-object-1=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      return { object: p, bug: () => write(p - 1, 0x2b), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kfence",
    name: "test_kmalloc_aligned_oob_read",
    what: "a view of 74 bytes is asked of 73 that are aligned to 64",
    ...REFUSED,
    plain: "never",
    says: ["thrown: INVALID_ADDRESS"],
    stage: ({ heap }) => {
      const p = heap.alignedAlloc(64, 73);
      return { object: p, bug: () => heap.view(Uint8Array, p, 74) };
    },
  },
  {
    suite: "kfence",
    name: "test_kmalloc_aligned_oob_write",
    what: "the byte behind 73 that are aligned to 64",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+73-object+73 @offset=N. First byte 0x2c instead of 0xcc",
      "BUG kmalloc-80: Object corrupt",
      "FIX kmalloc-80: Restoring kmalloc Redzone object+73-object+73=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alignedAlloc(64, 73);
      return { object: p, bug: () => write(p + 73, 0x2c), free: () => heap.free(p) };
    },
  },
  {
    suite: "kfence",
    name: "test_shrink_memcache",
    what: "the first byte of a freed object, and the cache is made to shrink",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x2d instead of 0x6b",
      "BUG shrunk: Object corrupt",
      "FIX shrunk: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("shrunk", 32);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => write(p, 0x2d), leave: () => calls.kmem_cache_shrink(s) };
    },
  },
  {
    suite: "kfence",
    name: "test_memcache_ctor",
    what: "a byte of a freed object that keeps what its constructor made of it",
    ...UNSEEN,
    says: [],
    stage: ({ calls, cache, write }) => {
      const s = cache("constructed", 32, (object) => write(object, 0x2e));
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      calls.kmem_cache_free(s, p);
      return { object: p, bug: () => write(p + 1, 0x2d) };
    },
  },
  {
    suite: "kfence",
    name: "test_invalid_access",
    what: "a view is asked of an address that belongs to no block",
    ...REFUSED,
    says: ["thrown: INVALID_ADDRESS"],
    stage: ({ heap }) => {
      const p = heap.alloc(32);
      return { object: p, bug: () => heap.view(Uint8Array, heap.buffer.byteLength - 8, 8) };
    },
  },
  {
    suite: "kfence",
    name: "test_krealloc",
    what: "the first byte of a block that krealloc has moved elsewhere",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x2f instead of 0x6b",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      calls.krealloc(p, 1000, GFP_KERNEL);
      return { object: p, bug: () => write(p, 0x2f) };
    },
  },
  {
    suite: "kfence",
    name: "test_memcache_alloc_bulk",
    what: "the byte behind the last of objects that were taken together",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+32-object+32 @offset=N. First byte 0x30 instead of 0xcc",
      "BUG bulk: Object corrupt",
      "FIX bulk: Restoring Right Redzone object+32-object+32=0xcc",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("bulk", 32);
      const p: number[] = [];
      calls.kmem_cache_alloc_bulk(s, GFP_KERNEL, 8, p);
      return { object: p[7], bug: () => write(p[7] + 32, 0x30), free: () => calls.kmem_cache_free_bulk(s, 8, p) };
    },
  },
  {
    suite: "kfence",
    name: "test_free_bulk",
    what: "an object is twice among those that are freed together",
    ...REFUSED,
    says: [
      "BUG bulk: Object already free",
      "FIX bulk: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=bulk)",
    ],
    stage: ({ calls, cache }) => {
      const s = cache("bulk", 32);
      const p: number[] = [];
      calls.kmem_cache_alloc_bulk(s, GFP_KERNEL, 2, p);
      return { object: p[0], bug: () => calls.kmem_cache_free_bulk(s, 3, [...p, p[0]]) };
    },
  },
];

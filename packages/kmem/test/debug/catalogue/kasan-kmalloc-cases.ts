import { GFP_KERNEL } from "../../../src/kernels/linux/linux.ts";
import type { CatalogueCase } from "./case.ts";
import { INTO_FREED, NEXT_TO_LIVE, REFUSED, UNSEEN } from "./moments.ts";

/** Those of mm/kasan/kasan_test_c.c that are about kmalloc and pages. */
export const KASAN_KMALLOC_CASES: readonly CatalogueCase[] = [
  {
    suite: "kasan",
    name: "kmalloc_oob_right",
    what: "the byte behind 115 that were asked for",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+115-object+115 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring kmalloc Redzone object+115-object+115=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(115);
      return { object: p, bug: () => write(p + 115, 0x78), free: () => heap.free(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_right, aligned",
    what: "the byte behind a block of 128",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x79 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Right Redzone object+128-object+128=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(128, GFP_KERNEL);
      return { object: p, bug: () => write(p + 128, 0x79), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_left",
    what: "the byte before a block",
    ...NEXT_TO_LIVE,
    says: [
      "[Left Redzone overwritten] object-1-object-1 @offset=N. First byte 0x7a instead of 0xcc",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring Left Redzone object-1-object-1=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      return { object: p, bug: () => write(p - 1, 0x7a), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_big_oob_right",
    what: "the byte behind a block of 7,936, the slab's size almost",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+7936-object+7936 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-8192: Object corrupt",
      "FIX kmalloc-8192: Restoring kmalloc Redzone object+7936-object+7936=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(7936, GFP_KERNEL);
      return { object: p, bug: () => write(p + 7936, 0), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_large_oob_right",
    what: "the byte behind 40,000, more than the size classes have",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+40000-object+40000 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-large: Object corrupt",
      "FIX kmalloc-large: Restoring Right Redzone object+40000-object+40000=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(40000, GFP_KERNEL);
      return { object: p, bug: () => write(p + 40_000, 0), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_large_uaf",
    what: "the first byte of a freed block of 40,000",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x0 instead of 0x6b",
      "BUG kmalloc-large: Object corrupt",
      "FIX kmalloc-large: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(40000, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => write(p, 0) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_large_invalid_free",
    what: "a free of the second byte of a block of 40,000",
    ...REFUSED,
    says: [
      "BUG kmalloc-large: Invalid object pointer object+1",
      "FIX kmalloc-large: Object at object+1 not freed",
      "kfree: bad ptr object+1.",
    ],
    stage: ({ calls }) => {
      const p = calls.kmalloc(40_000, GFP_KERNEL);
      return { object: p, bug: () => calls.kfree(p + 1) };
    },
  },
  {
    suite: "kasan",
    name: "page_alloc_oob_right",
    what: "the byte behind four pages",
    ...UNSEEN,
    says: [],
    stage: ({ calls, heap, write }) => {
      const p = calls.__get_free_pages(GFP_KERNEL, 2);
      heap.pages.alloc(1);
      return { object: p, bug: () => write(p + 4 * 4096, 0), free: () => calls.free_pages(p, 2) };
    },
  },
  {
    suite: "kasan",
    name: "page_alloc_uaf",
    what: "the first byte of freed pages",
    ...UNSEEN,
    says: [],
    stage: ({ calls, write }) => {
      const p = calls.__get_free_pages(GFP_KERNEL, 2);
      calls.free_pages(p, 2);
      return { object: p, bug: () => write(p, 0) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_16",
    what: "16 bytes copied into 13",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+13-object+15 @offset=N. First byte 0x1 instead of 0xcc",
      "BUG kmalloc-16: Object corrupt",
      "FIX kmalloc-16: Restoring kmalloc Redzone object+13-object+15=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(13);
      return { object: p, bug: () => write(p, ...Array(16).fill(1)), free: () => heap.free(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_uaf_16",
    what: "16 bytes copied into a freed block",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+15 @offset=N. First byte 0x1 instead of 0x6b",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring Poison object+0-object+15=0x6b",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => write(p, ...Array(16).fill(1)) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_memset_2",
    what: "two bytes of which the second is behind the block",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Right Redzone object+128-object+128=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(128, GFP_KERNEL);
      const over = Array(2).fill(0);
      return { object: p, bug: () => write(p + 128 - 1, ...over), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_memset_4",
    what: "four bytes of which three are behind the block",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Right Redzone object+128-object+128=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(128, GFP_KERNEL);
      const over = Array(4).fill(0);
      return { object: p, bug: () => write(p + 128 - 3, ...over), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_memset_8",
    what: "eight bytes of which seven are behind the block",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Right Redzone object+128-object+128=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(128, GFP_KERNEL);
      const over = Array(8).fill(0);
      return { object: p, bug: () => write(p + 128 - 7, ...over), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_memset_16",
    what: "sixteen bytes of which fifteen are behind the block",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+128-object+128 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring Right Redzone object+128-object+128=0xcc",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(128, GFP_KERNEL);
      const over = Array(16).fill(0);
      return { object: p, bug: () => write(p + 128 - 15, ...over), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_oob_in_memset",
    what: "a block of 666 filled with 671 zeros",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+666-object+670 @offset=N. First byte 0x0 instead of 0xcc",
      "BUG kmalloc-704: Object corrupt",
      "FIX kmalloc-704: Restoring kmalloc Redzone object+666-object+670=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(666);
      return { object: p, bug: () => write(p, ...Array(671).fill(0)), free: () => heap.free(p) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_uaf",
    what: "a byte of a freed block",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+8-object+8 @offset=N. First byte 0x78 instead of 0x6b",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring Poison object+8-object+8=0x6b",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => write(p + 8, 0x78) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_uaf_memset",
    what: "a freed block filled with zeros",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+0-object+62 @offset=N. First byte 0x0 instead of 0x6b",
      "BUG kmalloc-64: Object corrupt",
      "FIX kmalloc-64: Restoring Poison object+0-object+62=0x6b",
      "[End Poison overwritten] object+63-object+63 @offset=N. First byte 0x0 instead of 0xa5",
      "BUG kmalloc-64: Object corrupt",
      "FIX kmalloc-64: Restoring End Poison object+63-object+63=0xa5",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(64, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => write(p, ...Array(64).fill(0)) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_uaf2",
    what: "a byte of a freed block, after another of its size was allocated",
    ...INTO_FREED,
    says: [
      "[Poison overwritten] object+40-object+40 @offset=N. First byte 0x78 instead of 0x6b",
      "BUG kmalloc-64: Object corrupt",
      "FIX kmalloc-64: Restoring Poison object+40-object+40=0x6b",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(64, GFP_KERNEL);
      calls.kfree(p);
      calls.kmalloc(64, GFP_KERNEL);
      return { object: p, bug: () => write(p + 40, 0x78) };
    },
  },
  {
    suite: "kasan",
    name: "kmalloc_double_kzfree",
    what: "a second free",
    ...REFUSED,
    says: [
      "BUG kmalloc-32: Object already free",
      "FIX kmalloc-32: Object at object+0 not freed",
      "kmem_free: Double free detected during checks (objp=object+0, name=kmalloc-32)",
    ],
    stage: ({ calls }) => {
      const p = calls.kmalloc(32, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => calls.kfree(p) };
    },
  },
];

import { GFP_KERNEL } from "../../../src/kernels/linux/linux.ts";
import type { CatalogueCase } from "./case.ts";
import { NEXT_TO_LIVE, REFUSED } from "./moments.ts";

/** Those of mm/kasan/kasan_test_c.c that are about krealloc and ksize. */
export const KASAN_KREALLOC_CASES: readonly CatalogueCase[] = [
  {
    suite: "kasan",
    name: "krealloc_more_oob",
    what: "the byte behind a block that was made larger, 17 to 19",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+19-object+19 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring kmalloc Redzone object+19-object+19=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(17);
      const q = heap.realloc(p, 19);
      return { object: q, bug: () => write(q + 19, 0x78), free: () => heap.free(q) };
    },
  },
  {
    suite: "kasan",
    name: "krealloc_less_oob",
    what: "the byte behind a block that was made smaller, 19 to 17",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+17-object+17 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-32: Object corrupt",
      "FIX kmalloc-32: Restoring kmalloc Redzone object+17-object+17=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(19);
      const q = heap.realloc(p, 17);
      return { object: q, bug: () => write(q + 17, 0x78), free: () => heap.free(q) };
    },
  },
  {
    suite: "kasan",
    name: "krealloc_large_more_oob",
    what: "the byte behind a large block that was made larger",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+40005-object+40005 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-large: Object corrupt",
      "FIX kmalloc-large: Restoring Right Redzone object+40005-object+40005=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(40000);
      const q = heap.realloc(p, 40_005);
      return { object: q, bug: () => write(q + 40_005, 0x78), free: () => heap.free(q) };
    },
  },
  {
    suite: "kasan",
    name: "krealloc_large_less_oob",
    what: "the byte behind a large block that was made smaller",
    ...NEXT_TO_LIVE,
    says: [
      "[Right Redzone overwritten] object+39995-object+39995 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-large: Object corrupt",
      "FIX kmalloc-large: Restoring Right Redzone object+39995-object+39995=0xcc",
    ],
    stage: ({ heap, write }) => {
      const p = heap.alloc(40000);
      const q = heap.realloc(p, 39_995);
      return { object: q, bug: () => write(q + 39_995, 0x78), free: () => heap.free(q) };
    },
  },
  {
    suite: "kasan",
    name: "krealloc_uaf",
    what: "krealloc of a freed block",
    ...REFUSED,
    says: ["krealloc: bad ptr object+0."],
    stage: ({ calls }) => {
      const p = calls.kmalloc(201, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => calls.krealloc(p, 235, GFP_KERNEL) };
    },
  },
  {
    suite: "kasan",
    name: "ksize_unpoisons_memory",
    what: "the byte behind what ksize says",
    ...NEXT_TO_LIVE,
    says: [
      "[kmalloc Redzone overwritten] object+123-object+123 @offset=N. First byte 0x78 instead of 0xcc",
      "BUG kmalloc-128: Object corrupt",
      "FIX kmalloc-128: Restoring kmalloc Redzone object+123-object+123=0xcc",
    ],
    stage: ({ calls, heap, write }) => {
      const p = heap.alloc(123);
      return { object: p, bug: () => write(p + calls.ksize(p), 0x78), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kasan",
    name: "ksize_uaf",
    what: "the size of a freed block is asked for",
    ...REFUSED,
    says: ["BUG kmalloc-128: Use of an object that is free", "thrown: INVALID_ADDRESS"],
    stage: ({ heap }) => {
      const p = heap.alloc(120);
      heap.free(p);
      return { object: p, bug: () => heap.usableSize(p) };
    },
  },
];

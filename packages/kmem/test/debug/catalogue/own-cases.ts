import { GFP_KERNEL } from "../../../src/kernels/linux/linux.ts";
import type { CatalogueCase } from "./case.ts";
import { INTO_FREED, NEXT_TO_LIVE, REFUSED, UNSEEN } from "./moments.ts";

/** Bugs that the suites of Linux do not have. */
export const OWN_CASES: readonly CatalogueCase[] = [
  {
    suite: "kmem",
    name: "record overwritten",
    what: "the bytes behind the right red zone, which say whose the block is",
    ...NEXT_TO_LIVE,
    letter: undefined,
    says: [
      "BUG test_cache: Object padding overwritten in object+80-object+127",
      "FIX test_cache: Object padding made anew",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("test_cache", 64);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => write(p + 80, 1, 2, 3, 4), free: () => calls.kmem_cache_free(s, p) };
    },
  },
  {
    suite: "kmem",
    name: "long overrun",
    what: "a hundred bytes from the end of an object on, through its record, into the next block",
    ...NEXT_TO_LIVE,
    letter: undefined,
    says: [
      "BUG kmalloc-144: Object padding overwritten in object+80-object+127",
      "FIX kmalloc-144: Object padding made anew",
      "[Left Redzone overwritten] object+128-object+143 @offset=N. First byte 0x41 instead of 0xcc",
      "BUG kmalloc-64: Object corrupt",
      "FIX kmalloc-64: Restoring Left Redzone object+128-object+143=0xcc",
    ],
    stage: ({ heap, write }) => {
      const q = heap.alloc(64);
      const p = heap.alloc(64);
      const [first, second] = [Math.min(p, q), Math.max(p, q)];
      const free = (): void => {
        for (const object of [first, second]) heap.free(object);
      };
      return { object: first, bug: () => write(first + 64, ...Array(100).fill(0x41)), free };
    },
  },
  {
    suite: "kmem",
    name: "write to a block that nobody had yet",
    what: "a byte of a block of a slab that was never handed out",
    ...INTO_FREED,
    found: "at reuse",
    says: [
      "[Poison overwritten] object+3-object+3 @offset=N. First byte 0x31 instead of 0x5a",
      "BUG fresh: Object corrupt",
      "FIX fresh: Restoring Poison object+3-object+3=0x5a",
    ],
    stage: ({ calls, cache, write }) => {
      const s = cache("fresh", 64);
      const taken = [calls.kmem_cache_alloc(s, GFP_KERNEL), calls.kmem_cache_alloc(s, GFP_KERNEL)] as const;
      const p = 2 * taken[1] - taken[0];
      const reuse = (): void => {
        for (let count = 0; count < 20; count++) calls.kmem_cache_alloc(s, GFP_KERNEL);
      };
      return { object: p, bug: () => write(p + 3, 0x31), reuse };
    },
  },
  {
    suite: "kmem",
    name: "write after free without quarantine",
    what: "the first byte of a freed block that waits for its next user",
    ...INTO_FREED,
    options: { quarantineBytes: 0 },
    found: "at reuse",
    says: [
      "[Poison overwritten] object+0-object+0 @offset=N. First byte 0x32 instead of 0x6b",
      "BUG kmalloc-64: Object corrupt",
      "FIX kmalloc-64: Restoring Poison object+0-object+0=0x6b",
    ],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(64, GFP_KERNEL);
      calls.kfree(p);
      return { object: p, bug: () => write(p, 0x32), reuse: () => calls.kmalloc(64, GFP_KERNEL) };
    },
  },
  {
    suite: "kmem",
    name: "write after the block has another user",
    what: "a byte through a pointer that was freed, when the block is somebody else's",
    ...UNSEEN,
    options: { quarantineBytes: 0 },
    says: [],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(64, GFP_KERNEL);
      calls.kfree(p);
      const q = calls.kmalloc(64, GFP_KERNEL);
      return { object: p, bug: () => write(p, 0x32), free: () => calls.kfree(q) };
    },
  },
  {
    suite: "kmem",
    name: "wild write",
    what: "a byte of another live object, through a pointer that is far off",
    ...UNSEEN,
    says: [],
    stage: ({ calls, write }) => {
      const [p, q] = [calls.kmalloc(64, GFP_KERNEL), calls.kmalloc(64, GFP_KERNEL)];
      return { object: p, bug: () => write(q, 0x33), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kmem",
    name: "bytes that kmalloc rounds up to",
    what: "the byte behind 18 that kmalloc was asked for, which it rounds up to 32",
    ...UNSEEN,
    says: [],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(18, GFP_KERNEL);
      return { object: p, bug: () => write(p + 18, 0x34), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kmem",
    name: "bytes that krealloc leaves",
    what: "the byte behind a block that the krealloc of the Linux face made smaller",
    ...UNSEEN,
    says: [],
    stage: ({ calls, write }) => {
      const p = calls.kmalloc(64, GFP_KERNEL);
      calls.krealloc(p, 32, GFP_KERNEL);
      return { object: p, bug: () => write(p + 32, 0x35), free: () => calls.kfree(p) };
    },
  },
  {
    suite: "kmem",
    name: "wrong cache",
    what: "an object is freed through another cache",
    ...REFUSED,
    says: [
      "BUG other: Wrong slab cache. other but object is from own",
      "FIX other: Object at object+0 not freed",
      "kmem_cache_free: Wrong slab cache. other but object is from own",
    ],
    stage: ({ calls, cache }) => {
      const [s, other] = [cache("own", 64), cache("other", 64)];
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      return { object: p, bug: () => calls.kmem_cache_free(other, p) };
    },
  },
  {
    suite: "kmem",
    name: "kfree of pages",
    what: "pages are freed by kfree",
    ...REFUSED,
    says: [
      "BUG kmalloc-large: Invalid object pointer object+0",
      "FIX kmalloc-large: Object at object+0 not freed",
      "kfree: bad ptr object+0.",
    ],
    stage: ({ calls }) => {
      const p = calls.__get_free_pages(GFP_KERNEL, 0);
      return { object: p, bug: () => calls.kfree(p) };
    },
  },
  {
    suite: "kmem",
    name: "kfree of a foreign address",
    what: "an address outside of the heap is freed",
    ...REFUSED,
    says: [
      "BUG kmalloc-large: Invalid object pointer 0x201000",
      "FIX kmalloc-large: Object at 0x201000 not freed",
      "kfree: out of range ptr 00201000h.",
    ],
    stage: ({ calls, heap }) => ({
      object: 0,
      bug: () => calls.kfree(heap.buffer.byteLength + 4096),
    }),
  },
  {
    suite: "kmem",
    name: "free_pages twice",
    what: "pages are freed twice",
    ...REFUSED,
    says: ["free_pages: object+0 cannot be freed: is already free"],
    stage: ({ calls }) => {
      const p = calls.__get_free_pages(GFP_KERNEL, 0);
      calls.free_pages(p, 0);
      return { object: p, bug: () => calls.free_pages(p, 0) };
    },
  },
  {
    suite: "kmem",
    name: "vfree twice",
    what: "an area is freed twice",
    ...REFUSED,
    says: ["Trying to vfree() nonexistent vm area (0000000100000000)"],
    stage: ({ calls }) => {
      const v = calls.vmalloc(4096);
      calls.vfree(v);
      return { object: v, bug: () => calls.vfree(v) };
    },
  },
  {
    suite: "kmem",
    name: "use after vfree",
    what: "a byte of a freed area is read",
    ...REFUSED,
    says: ["thrown: INVALID_ADDRESS"],
    stage: ({ calls }) => {
      const v = calls.vmalloc(4096);
      calls.vfree(v);
      return { object: v, bug: () => calls.vm.readU8(v) };
    },
  },
  {
    suite: "kmem",
    name: "leak",
    what: "an object that is never freed",
    ...UNSEEN,
    says: [],
    stage: ({ heap }) => ({ object: heap.alloc(64), bug: () => undefined }),
  },
];

import { Kmem, NO_ASSERTIONS, SPIN_ONCE } from "../interleave/scenarios/kmem.ts";

/** Engines that stand on a heap's layers. */
const ENGINES: readonly string[] = ["bucket/bucket-heap.ts", "vmalloc/vmalloc.ts", "linux.ts"];

/** The library whose threads die. Its locks are as they are: that they are inherited is what it is about. */
export function mortalKmem(): Kmem {
  return new Kmem({ entries: ENGINES, constants: { ...SPIN_ONCE, ...NO_ASSERTIONS } });
}

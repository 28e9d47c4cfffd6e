import { Kmem, NO_ASSERTIONS, SPIN_ONCE } from "../interleave/scenarios/kmem.ts";

/** The library whose threads die. Its locks are as they are: that they are inherited is what it is about. */
export function mortalKmem(): Kmem {
  return new Kmem({ constants: { ...SPIN_ONCE, ...NO_ASSERTIONS } });
}

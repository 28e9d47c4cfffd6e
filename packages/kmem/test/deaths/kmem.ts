import { Kmem, SPIN_ONCE, WITH_ASSERTIONS } from "../interleave/scenarios/kmem.ts";

/** Engines that stand on a heap's layers. */
const ENGINES: readonly string[] = [
  ...[
    "bucket/bucket-heap.ts",
    "vmalloc/vmalloc.ts",
    "kernels/linux/linux.ts",
    "kernels/atomik/atomik.ts",
    "kernels/giet/giet.ts",
  ],
  ...["trace/ring.ts", "trace/reader.ts", "trace/call-log.ts", "trace/call-reader.ts"],
];

const TICKET_SPIN_ONCE: Readonly<Record<string, string>> = { "cluster/ticket-lock.ts SPIN_LIMIT": "1" };

/** The library whose threads die. Its locks are as they are: that they are inherited is what it is about. */
export function mortalKmem(): Kmem {
  return new Kmem({ entries: ENGINES, constants: { ...SPIN_ONCE, ...TICKET_SPIN_ONCE, ...WITH_ASSERTIONS } });
}

import { createRequire } from "node:module";
import type { Contender } from "../replay/contender.ts";
import { type HeapContenderOptions, heapContender, packageModule } from "./heap-contender.ts";
import { nativeContender } from "./native-contender.ts";
import { NATIVE_MALLOCS } from "./native-malloc.ts";
import { peerContenders } from "./peer-contenders.ts";

const CANNOT_FREE = "cannot free (GIET-VM has no free); its footprint only grows";

function kmemVersion(): string {
  return (createRequire(import.meta.url)("kmem/package.json") as { version: string }).version;
}

/** An engine of the library by itself, which takes part where it is named. */
function engine(name: string, description: string, options: HeapContenderOptions = {}): Contender {
  return heapContender(name, packageModule(`contenders/${name}`), `${kmemVersion()}, ${description}`, {
    isByNameOnly: true,
    ...options,
  });
}

/**
 * Every allocator that `kmem replay` knows, in the order of the table. The first one is what the others are compared
 * with. One line each: a module of `src/heaps`, or a library for the C program.
 */
export function knownContenders(): readonly Contender[] {
  return [
    heapContender("kmem", packageModule("contenders/kmem"), kmemVersion(), { aliases: ["slab", "kmalloc"] }),
    ...NATIVE_MALLOCS.map(nativeContender),
    heapContender("kmem-unchecked", packageModule("contenders/kmem-unchecked"), kmemVersion(), {
      isByNameOnly: true,
      note: "without the checks that a correct program does not need: for comparison only",
    }),
    heapContender("kmem-fzpu", packageModule("contenders/kmem-fzpu"), `${kmemVersion()}, debugged with FZPU`, {
      isByNameOnly: true,
    }),
    ...peerContenders(),
    engine("region-worst", "kmalloc of Atomik: one region, the largest chunk"),
    engine("region-first", "kmalloc_fast of Atomik: one region, the first chunk that fits"),
    engine("bucket", "kmalloc of My Kernel: power-of-two blocks in buckets"),
    engine("buddy", "the page allocator alone: whole pages for every block"),
    engine("cluster", "_remote_malloc of GIET-VM: power-of-two blocks in one cluster", {
      note: CANNOT_FREE,
      canLimit: false,
    }),
  ];
}

import { createRequire } from "node:module";
import { glibcContender, preloadedContender } from "../native/native-contender.ts";
import { peerContenders } from "../peers/contenders.ts";
import type { Contender } from "./contender.ts";
import { heapContender, packageModule } from "./heap-contender.ts";

const CANNOT_FREE = "cannot free (GIET-VM has no free); its footprint only grows";

function kmemVersion(): string {
  return (createRequire(import.meta.url)("kmem/package.json") as { version: string }).version;
}

/** An engine of the library by itself, which takes part where it is named. */
function engine(name: string, description: string, note?: string): Contender {
  return heapContender(name, packageModule(`heaps/${name}`), `${kmemVersion()}, ${description}`, {
    isByNameOnly: true,
    ...(note === undefined ? {} : { note }),
  });
}

/**
 * Every allocator that `kmem replay` knows, in the order of the table. The first one is what the others are compared
 * with. One line each: a module of `src/heaps`, or a library for the C program.
 */
export function knownContenders(): readonly Contender[] {
  return [
    heapContender("kmem", packageModule("heaps/kmem"), kmemVersion(), { aliases: ["slab", "kmalloc"] }),
    glibcContender(),
    preloadedContender("jemalloc", ["libjemalloc"]),
    preloadedContender("mimalloc", ["libmimalloc"]),
    preloadedContender("tcmalloc", ["libtcmalloc_minimal", "libtcmalloc"]),
    heapContender("kmem-unchecked", packageModule("heaps/kmem-unchecked"), kmemVersion(), {
      isByNameOnly: true,
      note: "without the checks that a correct program does not need: for comparison only",
    }),
    heapContender("kmem-fzpu", packageModule("heaps/kmem-fzpu"), `${kmemVersion()}, debugged with FZPU`, {
      isByNameOnly: true,
    }),
    ...peerContenders(),
    engine("region-worst", "kmalloc of Atomik: one region, the largest chunk"),
    engine("region-first", "kmalloc_fast of Atomik: one region, the first chunk that fits"),
    engine("bucket", "kmalloc of My Kernel: power-of-two blocks in buckets"),
    engine("buddy", "the page allocator alone: whole pages for every block"),
    engine("cluster", "_remote_malloc of GIET-VM: power-of-two blocks in one cluster", CANNOT_FREE),
  ];
}

import { createRequire } from "node:module";
import { glibcContender, preloadedContender } from "../native/native-contender.ts";
import type { Contender } from "./contender.ts";
import { heapContender, packageModule } from "./heap-contender.ts";

function kmemVersion(): string {
  return (createRequire(import.meta.url)("kmem/package.json") as { version: string }).version;
}

/**
 * Every allocator that `kmem replay` knows, in the order of the table. The first one is what the others are compared
 * with. One line each: a module of `src/heaps`, or a library for the C program.
 */
export function knownContenders(): readonly Contender[] {
  return [
    heapContender("kmem", packageModule("heaps/kmem"), kmemVersion()),
    glibcContender(),
    preloadedContender("jemalloc", ["libjemalloc"]),
    preloadedContender("mimalloc", ["libmimalloc"]),
    preloadedContender("tcmalloc", ["libtcmalloc_minimal", "libtcmalloc"]),
  ];
}

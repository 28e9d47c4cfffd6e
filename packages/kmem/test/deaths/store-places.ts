import { fileURLToPath } from "node:url";
import { readSourceFiles } from "../source-files.ts";

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url));
/** The layers whose every store is a point at which a thread is killed. */
const LAYERS = /^(sync|pages|slab|kmalloc|heap|bucket|vmem|vmalloc|kernels\/linux|kernels\/atomik|cluster|trace)\//;
/** A store to the memory: to an element of its views, or a function that does so. */
const STORE = new RegExp(
  [
    String.raw`\b(words|bytes|tags)\[[^=]*\] *(=[^=]|[-+|&^]=|\+\+|--)`,
    String.raw`(\+\+|--)words\[`,
    String.raw`Atomics\.(store|add|sub|or|and|exchange|compareExchange)\(`,
    String.raw`\b(words|bytes)\.(fill|copyWithin)\(`,
  ].join("|"),
);

/** Where a store stands, and its line. */
export interface StorePlace {
  /** "pages/buddy.ts:181" */
  readonly place: string;
  readonly line: string;
}

/** Stores that no operation of the campaign makes, by their file and a part of their line, and why that is so. */
export const UNREACHED: readonly { readonly file: string; readonly text?: string; readonly why: string }[] = [
  { file: "kmalloc/open-layers.ts", text: "fill(0", why: "the heap is made before another thread knows of it" },
  { file: "kmalloc/one-thread.ts", why: "no other thread knows of the heap" },
  { file: "pages/moving-tables.ts", why: "only in memory of one thread: see moving-tables.test.ts" },
  { file: "heap/strings.ts", why: "what is in a block is its user's" },
  { file: "slab/growing-path.ts", why: "only in memory of one thread; the stores are those of fast-path.ts" },
  { file: "slab/sheaf.ts", text: "[scanWord] = top", why: "says where a sheaf stood, for the next look alone" },
  { file: "slab/tags.ts", why: "the heap is made before another thread knows of it" },
  { file: "sync/lock.ts", why: "these wait for a lock that is held; one that is free is taken before" },
  { file: "sync/reservation.ts", why: "only in a browser's worker" },
  { file: "sync/slot.ts", text: "BEACON_WAITERS)] = 0", why: "a dump is adopted while there are no other threads" },
  { file: "sync/slot.ts", text: "SlotRecord.STATE)] = ", why: "a dump is adopted while there are no other threads" },
  {
    file: "cluster/ticket-lock.ts",
    text: "OWNER, holder, 0)",
    why: "only a stray write calls for tickets that are not",
  },
  { file: "cluster/ticket-lock.ts", text: "CURRENT, next)", why: "only a stray write calls for tickets that are not" },
  { file: "cluster/cluster-heap.ts", text: "bytes.fill(0", why: "_heap_init is over before anybody allocates" },
  { file: "cluster/descriptor.ts", text: "] = heap", why: "_heap_init is over before anybody allocates" },
  { file: "cluster/descriptor.ts", text: "] = alloc", why: "_heap_init is over before anybody allocates" },
  { file: "cluster/descriptor.ts", text: "words.fill(0", why: "_heap_init is over before anybody allocates" },
  { file: "kernels/linux/kmalloc.ts", why: "what is in a block is its user's" },
  { file: "kernels/linux/kmem-cache.ts", text: "bytes.fill(0", why: "what is in an object is its user's" },
  { file: "vmalloc/virtual-memory.ts", why: "what is in an area is its user's" },
  { file: "vmem/vmem.ts", text: "previous === NO_RECORD", why: "virtual memory never takes its span back" },
];

/** Every store of the layers to the memory. */
export function storePlaces(): StorePlace[] {
  return readSourceFiles(SOURCES)
    .filter(({ path }) => LAYERS.test(path))
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, index) => ({ place: `${path}:${index + 1}`, line }))
        .filter(({ line }) => STORE.test(line) && !/^\s*(\*|\/\/)/.test(line)),
    );
}

import { assert } from "../memory/assert.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { assertRun } from "../pages/assertions.ts";
import { RunKind, RunOwner } from "../pages/layout.ts";
import { Tag } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import type { CoreLayers, Layers } from "./layers.ts";

// What is asserted, in test builds alone, where kmalloc hands blocks out and takes the slots of dead threads over.

/** A run of pages of this slot, of so many pages or a few more, is about to become a live block. */
export function assertNewBlock({ memory, geometry, pages, slot }: Layers, head: number, pagesMin: number): void {
  const tag = memory.bytes[tagIndex(geometry, head * PAGE_SIZE)];
  const owner = pages.frames.owner(head);
  const count = pages.frames.count(head);
  assert(count >= pagesMin, `the run at page ${head} has the ${pagesMin} pages that are wanted, and not ${count}`);
  assertRun(pages.frames, head, count, RunKind.LARGE_BLOCK);
  assert(tag === Tag.NONE, `no block starts at page ${head} yet, and its tag is not ${tag}`);
  assert(owner === (RunOwner.OWNER_BIT | (slot + 1)), `slot ${slot} answers for the run at page ${head}`);
}

/** Nothing is left in a slot whose thread is gone: it may be taken again. */
export function assertRecovered({ slots, sync }: CoreLayers, slot: number): void {
  assert(slots.area(slot) === 0, `slot ${slot} has no private pages any more`);
  assert(slot !== sync.slot || slots.isHeld(slot), `slot ${slot} is this thread's`);
}

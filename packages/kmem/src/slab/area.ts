import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import { NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import { AREA_SHEAVES, SENTINEL_WORDS } from "./layout.ts";
import { CLASS_COUNT, sheafCapacity } from "./size-classes.ts";

/** Pages of a slot's private area with the sheaves of all size classes, large or small. */
export function areaPages(isLarge: boolean): number {
  let words: number = AREA_SHEAVES;
  for (let index = 0; index < CLASS_COUNT; index++) words += sheafCapacity(index, isLarge) + SENTINEL_WORDS;
  return Math.ceil((words << WORD_SHIFT) / PAGE_SIZE);
}

export const SMALL_AREA_PAGES: number = areaPages(false);
export const LARGE_AREA_PAGES: number = areaPages(true);
/** A slot's area is large where that is no more than this share of the memory. */
const LARGE_AREA_SHARE: number = 1 / 128;

/** Pages for the sheaves of a slot: few in a small memory, and where there are no more. */
export function allocateArea(pages: PageAllocator): number {
  const isLarge = LARGE_AREA_PAGES <= pages.ownFrames * LARGE_AREA_SHARE;
  const large = isLarge ? pages.allocate(LARGE_AREA_PAGES, RunKind.SYSTEM) : NO_FRAME;
  return large === NO_FRAME ? pages.allocate(SMALL_AREA_PAGES, RunKind.SYSTEM) : large;
}

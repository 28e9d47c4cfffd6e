import type { BlockShapes } from "../memory/header.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import { NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import { FIRST_SHEAF_WORD, SENTINEL_WORDS } from "./layout.ts";
import { CLASS_COUNT, sheafCapacity } from "./size-classes.ts";

/** Pages of a slot's private area with the sheaves of all size classes, large or small. */
export function areaPages(isLarge: boolean, shapes: BlockShapes): number {
  let words: number = FIRST_SHEAF_WORD;
  for (let index = 0; index < CLASS_COUNT; index++) words += sheafCapacity(index, isLarge, shapes) + SENTINEL_WORDS;
  return Math.ceil((words << WORD_SHIFT) / PAGE_SIZE);
}

/** Whether an area of so many pages has large sheaves. Where those need no page more than small ones, none has. */
export function isLargeArea(pageCount: number, shapes: BlockShapes): boolean {
  return pageCount === areaPages(true, shapes) && pageCount > areaPages(false, shapes);
}

/** Whether a slot's area can have so many pages. */
export function isAreaLength(pageCount: number, shapes: BlockShapes): boolean {
  return pageCount === areaPages(false, shapes) || pageCount === areaPages(true, shapes);
}

/** A slot's area is large where that is no more than this share of the memory. */
const LARGE_AREA_SHARE: number = 1 / 128;

/** Pages for the sheaves of a slot: few in a small memory, and where there are no more. */
export function allocateArea(pages: PageAllocator, shapes: BlockShapes): number {
  const largePages = areaPages(true, shapes);
  const isLarge = largePages <= pages.managedFrames * LARGE_AREA_SHARE;
  const large = isLarge ? pages.allocate(largePages, RunKind.SYSTEM) : NO_FRAME;
  return large === NO_FRAME ? pages.allocate(areaPages(false, shapes), RunKind.SYSTEM) : large;
}

import { PAGE_SIZE } from "../../src/index.ts";
import type { Random } from "../support/random.ts";

/** Shares of a hundred, each up to where the next begins: small, middling, about a page or a few, of any size. */
const SMALL_BELOW = 82;
const MIDDLING_BELOW = 95;
const PAGES_BELOW = 98;
const SMALL_BYTES = 512;
const MIDDLING_BYTES = 8192;
const FEW_PAGES = 8;

/** A size in bytes up to `maximumBytes`: mostly small. */
export function drawSize(random: Random, maximumBytes: number): number {
  const share = random.below(100);
  if (share < SMALL_BELOW) return random.size(SMALL_BYTES);
  if (share < MIDDLING_BELOW || maximumBytes < PAGE_SIZE) return random.size(Math.min(MIDDLING_BYTES, maximumBytes));
  if (share < PAGES_BELOW) return PAGE_SIZE * (1 + random.below(FEW_PAGES)) + random.below(3) - 1;
  return random.size(maximumBytes);
}

/** A number of pages: mostly a few, of which the page allocator keeps ready what is a power of two. */
export function drawPageCount(random: Random, maximumBytes: number): number {
  const share = random.below(100);
  if (share < SMALL_BELOW) return 2 ** random.below(4);
  if (share < PAGES_BELOW) return 1 + random.below(2 * FEW_PAGES);
  return 1 + random.below(Math.ceil(maximumBytes / PAGE_SIZE));
}

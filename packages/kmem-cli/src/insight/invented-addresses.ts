/** Kernel addresses begin so; the blocks of a trace whose own addresses are not kept lie from here on. */
const ADDRESS_HEAD = "ffff8880";
const HEX = 16;
const LOW_DIGITS = 8;
const ALIGN_SHIFT = 4;
/** No block of pages is larger than this. */
const PAGES_PER_SLOT = 2 ** 14;

/** An address for the block in a slot: 16 hexadecimal digits; no two slots have the same. */
export function addressOf(slot: number): string {
  const place = (slot + 1) * 2 ** ALIGN_SHIFT;
  return ADDRESS_HEAD + place.toString(HEX).padStart(LOW_DIGITS, "0");
}

/** The page frame number of the first page of the block in a slot; blocks do not overlap. */
export function frameOf(slot: number): number {
  return (slot + 1) * PAGES_PER_SLOT;
}

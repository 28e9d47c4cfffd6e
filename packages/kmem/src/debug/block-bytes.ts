import type { LinearMemory } from "../memory/memory.ts";
import type { BlockZones } from "./block-zones.ts";
import { DebugByte } from "./layout.ts";

/** A stretch of a block whose bytes are known, by the name that SLUB's reports give it. */
export interface Stretch {
  readonly what: "Left Redzone" | "Right Redzone" | "kmalloc Redzone" | "Poison" | "End Poison";
  readonly start: number;
  readonly end: number;
  readonly byte: number;
}

/** Bytes of a stretch that are not what they were. */
export interface Overwrite extends Stretch {
  /** First and one past the last byte that differs. */
  readonly from: number;
  readonly to: number;
  /** The first byte that differs, as it is now. */
  readonly found: number;
}

/** The stretches of a block whose bytes its state determines, in the order of their addresses. */
export function stretchesOf(zones: BlockZones): Stretch[] {
  const { address, start, end, objectEnd, recordStart, red, poison } = zones;
  const stretches: Stretch[] = [];
  if (zones.hasZones) stretches.push({ what: "Left Redzone", start: address, end: start, byte: red });
  if (zones.hasPoison) {
    stretches.push({ what: "Poison", start, end: end - 1, byte: poison });
    stretches.push({ what: "End Poison", start: end - 1, end, byte: DebugByte.POISON_END });
  }
  if (zones.hasZones) {
    stretches.push({ what: "kmalloc Redzone", start: end, end: objectEnd, byte: red });
    stretches.push({ what: "Right Redzone", start: objectEnd, end: recordStart, byte: red });
  }
  return stretches.filter((stretch) => stretch.end > stretch.start);
}

/** What differs in the stretches of a block. O(bytes). */
export function overwritesIn({ bytes }: LinearMemory, stretches: readonly Stretch[]): Overwrite[] {
  return stretches.flatMap((stretch) => {
    const { start, end, byte } = stretch;
    let from = start;
    while (from < end && bytes[from] === byte) from++;
    if (from === end) return [];
    let to = end;
    while (bytes[to - 1] === byte) to--;
    return [{ ...stretch, from, to, found: bytes[from] }];
  });
}

import { ASSERTIONS, assert } from "../memory/assert.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { asciiByte, asciiText } from "../memory/text.ts";
import type { Range } from "../vmem/ranges.ts";
import {
  AREA_KIND_MASK,
  AREA_SLOT_SHIFT,
  CALLER_BYTES,
  VMALLOC_START,
  VmAreaKind,
  type VmAreaKindValue,
  VmAreaRecord,
} from "./layout.ts";

/** One area, as a line of /proc/vmallocinfo shows it. */
export interface VmArea {
  /** Virtual address of its first byte. */
  readonly address: number;
  /** Bytes of virtual addresses, the guard page included. */
  readonly sizeBytes: number;
  /** Bytes that were asked for. */
  readonly askedBytes: number;
  /** Pages that are mapped. */
  readonly pageCount: number;
  /** Which call made it. */
  readonly kind: "vmalloc" | "vmap";
  /** Name of who asked, empty when it gave none. */
  readonly caller: string;
  /** The slot of the thread that asked, or was given the area; undefined where nobody knows. */
  readonly slot: number | undefined;
}

/** Virtual address of a virtual page. */
export function addressOfPage(page: number): number {
  return VMALLOC_START + page * PAGE_SIZE;
}

/** What is written into the record of a new area. */
export interface NewArea {
  readonly kind: VmAreaKindValue;
  readonly pageCount: number;
  readonly askedBytes: number;
  readonly caller: string;
  readonly slot: number;
}

/** KIND of an area of that kind and slot. */
export function areaWord(kind: VmAreaKindValue, slot: number): number {
  return kind | ((slot + 1) << AREA_SLOT_SHIFT);
}

/** What an area is, by its KIND. */
export function kindOfArea(word: number): number {
  return word & AREA_KIND_MASK;
}

/** Whose an area is, by its KIND; -1 where nobody knows. */
export function slotOfArea(word: number): number {
  return (word >>> AREA_SLOT_SHIFT) - 1;
}

/**
 * Fills in the record of an area, its KIND last: from then on there is one. A caller's name is cut off where it is too
 * long, and what is not printable ASCII becomes a question mark: a label never makes an allocation fail.
 */
export function writeArea(memory: LinearMemory, ownerWord: number, area: NewArea): void {
  const { words, bytes } = memory;
  if (ASSERTIONS) {
    assert(area.kind !== VmAreaKind.NONE, "an area is of a kind");
    assert(area.pageCount > 0, `an area has pages, not ${area.pageCount}`);
    assert(area.askedBytes <= area.pageCount * PAGE_SIZE, `${area.askedBytes} bytes fit into ${area.pageCount} pages`);
  }
  words[ownerWord + VmAreaRecord.PAGE_COUNT] = area.pageCount;
  words[ownerWord + VmAreaRecord.ASKED_BYTES] = area.askedBytes;
  const callerByte = ((ownerWord + VmAreaRecord.CALLER) << WORD_SHIFT) >>> 0;
  const length = Math.min(area.caller.length, CALLER_BYTES);
  for (let index = 0; index < length; index++) {
    bytes[callerByte + index] = asciiByte(area.caller.charCodeAt(index));
  }
  words[ownerWord + VmAreaRecord.KIND] = areaWord(area.kind, area.slot);
}

/** Reads the record of an area. */
export function readArea(memory: LinearMemory, range: Range): VmArea {
  const { words, bytes } = memory;
  const { ownerWord } = range;
  const callerByte = ((ownerWord + VmAreaRecord.CALLER) << WORD_SHIFT) >>> 0;
  const word = words[ownerWord + VmAreaRecord.KIND];
  const slot = slotOfArea(word);
  return {
    address: addressOfPage(range.start),
    sizeBytes: range.size * PAGE_SIZE,
    askedBytes: words[ownerWord + VmAreaRecord.ASKED_BYTES] >>> 0,
    pageCount: words[ownerWord + VmAreaRecord.PAGE_COUNT],
    kind: kindOfArea(word) === VmAreaKind.VMAP ? "vmap" : "vmalloc",
    caller: asciiText(bytes.subarray(callerByte, callerByte + CALLER_BYTES)),
    slot: slot < 0 ? undefined : slot,
  };
}

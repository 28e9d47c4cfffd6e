import { DEFAULT_PAGE_BYTES } from "../binary/types.ts";
import { CHECK_HEADER_BYTES, GRANULE_BYTES, RING_BYTES } from "./layout.ts";

/** What is found out about a program while it runs: who calls, wrong accesses too, or reads of what was not written. */
export type Watching = "calls" | "accesses" | "undefined";

/** Where the parts of a check lie in a program's memory, and what it looks for. */
export interface CheckLayout {
  /** Whether loads and stores look into a shadow; else only calls are noted, and there is none. */
  readonly hasShadow: boolean;
  /** The first byte after the program's static data and its stack, rounded up to a page. */
  readonly headerAt: number;
  readonly ringAt: number;
  readonly shadowAt: number;
  /** log2 of the bytes of a cell of the shadow: two where reads of what was never written are found. */
  readonly cellShift: 0 | 1;
  /** Accesses below are to the program's static data and its stack, which is not watched. */
  readonly staticEnd: number;
  /** Whether the program may add pages before it allocates, behind which there could be no more of the shadow. */
  readonly growsItself: boolean;
}

const PAGE_BYTES = 4096;

/** What a program may take for itself before it allocates, where others than its allocator take memory too. */
const TAKEN_BYTES = 1_048_576;

/** What a program does with memory that is not its allocator. */
export interface OtherTaking {
  /** Whether it moves the variable of sbrk. */
  readonly takesMemory: boolean;
  /** Whether it grows the memory. */
  readonly growsItself: boolean;
}

export function layoutOfCheck(
  heapBase: number,
  { takesMemory, growsItself }: OtherTaking,
  watching: Watching,
): CheckLayout {
  const headerAt = Math.ceil((heapBase + (takesMemory ? TAKEN_BYTES : 0)) / PAGE_BYTES) * PAGE_BYTES;
  const ringAt = headerAt + CHECK_HEADER_BYTES;
  return {
    hasShadow: watching !== "calls",
    headerAt,
    ringAt,
    shadowAt: ringAt + RING_BYTES,
    cellShift: watching === "undefined" ? 1 : 0,
    staticEnd: heapBase,
    growsItself,
  };
}

/** How many bytes the shadow of the first so many bytes has. */
export function shadowBytes({ hasShadow, cellShift }: CheckLayout, coveredBytes: number): number {
  if (!hasShadow) return 0;
  return Math.ceil(coveredBytes / GRANULE_BYTES) * (1 << cellShift);
}

/** The default of a maximum for which tables, or the shadow of a check, are made at once. */
export const DEFAULT_MAXIMUM_BYTES: number = 256 * 1024 * 1024;

/** What a heap begins with at least in memory for which tables are made at once. */
export const SHARED_LEAST_BYTES: number = 512 * 1024;
/** The least heap of a program that is checked has its tables and the shadow of all in so many times its room. */
const SHADOW_ROOM = 2;

/**
 * How far the memory of a program that is checked may grow, with its shadow, if nobody says: as far as it may at most,
 * which is `mostBytes`.
 */
export function usualMaximum(layout: CheckLayout, mostBytes: number): number {
  const part = shadowBytes(layout, PAGE_BYTES) / PAGE_BYTES;
  const bytes = layout.shadowAt + DEFAULT_MAXIMUM_BYTES;
  const usual = Math.ceil(bytes / (1 - part) / DEFAULT_PAGE_BYTES) * DEFAULT_PAGE_BYTES;
  return Math.max(Math.min(mostBytes, usual), leastMaximum(layout));
}

/** The least that has room for the heap of a program that is checked. */
export function leastMaximum({ shadowAt }: CheckLayout): number {
  return SHADOW_ROOM * (shadowAt + SHARED_LEAST_BYTES);
}

/** What an access may be checked as. */
export type CheckKind = "load" | "store" | "copy";

/** The functions that are added to a module, and the imports that they call. */
export interface CheckFunctions {
  /** What an access calls whose cell is not 0: `(address, site, frame)`. */
  checkerOf(sizeBytes: number, kind: CheckKind): number;
  /** What is called before a range of memory is copied or filled. */
  readonly range: number;
}

/** The imports of a module that is checked, besides those of malloc's family: all parameters are i32. */
export type CheckImportName = "check_access" | "check_range";
export const CHECK_IMPORTS: Readonly<Record<CheckImportName, number>> = { check_access: 4, check_range: 6 };

import { describeValue } from "../memory/arguments.ts";

/** Why a vmalloc cannot be served, where that is known beforehand; the face has a message for each. */
export type VmallocProblem =
  /** The size is no whole number of bytes from 1. */
  | "bad size"
  /** More pages than the memory may ever have. */
  | "exceeds total pages"
  /** More pages than are free or can be added. */
  | "no pages"
  /** No stretch of virtual addresses is long enough. */
  | "no addresses";

/** What became of a vfree or vunmap. All but the first changed nothing. */
export type VfreeResult =
  | "freed"
  /** The address was 0, which does nothing. */
  | "null"
  /** No multiple of a page. */
  | "bad address"
  /** No area starts there. */
  | "nonexistent"
  /** The area is one that the other of the two calls takes. */
  | "wrong kind";

/** Hexadecimal digits of a pointer as a 64-bit kernel prints it. */
const POINTER_DIGITS = 16;

/**
 * The line that Linux prints for a result, undefined for one that it says nothing about. The last text is kmem's own:
 * Linux goes ahead there and loses the pages.
 */
export function vfreeMessage(result: VfreeResult, call: "vfree" | "vunmap", address: number): string | undefined {
  if (result === "bad address") return `Trying to ${call}() bad address (${pointerText(address)})`;
  if (result === "nonexistent") return `Trying to ${call}() nonexistent vm area (${pointerText(address)})`;
  if (result === "wrong kind") {
    return `Trying to ${call}() an area of ${call === "vfree" ? "vmap" : "vmalloc"} (${pointerText(address)})`;
  }
  return undefined;
}

function pointerText(address: number): string {
  const isWhole = Number.isInteger(address) && address >= 0;
  return isWhole ? address.toString(16).padStart(POINTER_DIGITS, "0") : describeValue(address);
}

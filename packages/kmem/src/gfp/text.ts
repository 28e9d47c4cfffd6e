import {
  __GFP_DMA,
  __GFP_HIGH,
  __GFP_HIGHMEM,
  __GFP_IO,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_THISNODE,
  __GFP_WAIT,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_BUFFER,
  GFP_HIGHUSER,
  GFP_KERNEL,
  GFP_NOWAIT,
  GFP_USER,
} from "./flags.ts";

/** Combinations that have a name of their own before those that they hold, then single flags. */
const NAMES: readonly (readonly [mask: number, name: string])[] = [
  [GFP_HIGHUSER, "GFP_HIGHUSER"],
  [GFP_KERNEL, "GFP_KERNEL"],
  [GFP_USER, "GFP_USER"],
  [GFP_BUFFER, "GFP_BUFFER"],
  [GFP_ATOMIC, "GFP_ATOMIC"],
  [GFP_NOWAIT, "GFP_NOWAIT"],
  [__GFP_WAIT, "__GFP_WAIT"],
  [__GFP_HIGH, "__GFP_HIGH"],
  [__GFP_IO, "__GFP_IO"],
  [__GFP_DMA, "GFP_DMA"],
  [__GFP_HIGHMEM, "__GFP_HIGHMEM"],
  [__GFP_ZERO, "__GFP_ZERO"],
  [__GFP_NOWARN, "__GFP_NOWARN"],
  [__GFP_NORETRY, "__GFP_NORETRY"],
  [__GFP_NOFAIL, "__GFP_NOFAIL"],
  [__GFP_THISNODE, "__GFP_THISNODE"],
];
/** What a mask without flags is called. */
const NO_FLAGS = "none";
const HEX_DIGITS = 16;

/** A gfp_mask in the words of the kernel's traces: names joined by `|`, and what has none as a number. */
export function gfpText(mask: number): string {
  const words: string[] = [];
  let rest = mask >>> 0;
  for (const [flags, name] of NAMES) {
    if ((rest & flags) !== flags) continue;
    words.push(name);
    rest = (rest & ~flags) >>> 0;
  }
  if (rest !== 0) words.push(`0x${rest.toString(HEX_DIGITS)}`);
  return words.length === 0 ? NO_FLAGS : words.join("|");
}

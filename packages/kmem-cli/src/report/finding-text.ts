import type { Finding } from "kmem";
import { printableLine } from "../system/printable.ts";
import { formatCount } from "../system/units.ts";

/** Addresses of findings of one sort that are printed beside the first; `--json` has more. */
const ADDRESSES_SHOWN = 3;

/** A finding in a line: its address, its layer, what is wrong, and how often. */
export function findingText({ address, layer, problem, count, addresses = [] }: Finding): string {
  const found = `${hex(address)}  ${layer.padEnd(7)}  ${printableLine(problem)}`;
  if (count === undefined) return found;
  const others = addresses.slice(1, 1 + ADDRESSES_SHOWN).map(hex);
  return `${found} (${formatCount(count)} of this sort, also at ${others.join(", ")}, …)`;
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

import type { VmArea } from "../vmalloc/areas.ts";
import { right, word } from "./format.ts";

const HEX = 16;
const ADDRESS_DIGITS = 16;
const SIZE_WIDTH = 7;

/**
 * The text of /proc/vmallocinfo: a line for each area in the order of addresses, with its size (the guard page
 * included) and who asked for it. As in Linux, an area of vmalloc says how many pages it has, all on node 0, and one of
 * vmap, whose pages are another's, does not.
 */
export function vmallocinfoText(areas: readonly VmArea[]): string {
  return areas.map(line).join("");
}

function line({ address, sizeBytes, pageCount, kind, caller }: VmArea): string {
  const range = `${pointer(address)}-${pointer(address + sizeBytes)} ${right(sizeBytes, SIZE_WIDTH)}`;
  const who = caller === "" ? "" : ` ${word(caller)}`;
  return `${range}${who}${kind === "vmap" ? " vmap" : ` pages=${pageCount} vmalloc N0=${pageCount}`}\n`;
}

/** An address as %px prints it on a machine of 64 bits. */
function pointer(address: number): string {
  return `0x${address.toString(HEX).padStart(ADDRESS_DIGITS, "0")}`;
}

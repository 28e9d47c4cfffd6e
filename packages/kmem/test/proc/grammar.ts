import type { CacheRow } from "../../src/proc/caches.ts";

/** What a line of /proc/buddyinfo says. */
export interface BuddyLine {
  readonly node: number;
  readonly zone: string;
  readonly counts: readonly number[];
}

/** What a line of /proc/vmallocinfo says. */
export interface VmallocLine {
  readonly start: bigint;
  readonly end: bigint;
  readonly sizeBytes: number;
  readonly caller: string | undefined;
  readonly pageCount: number | undefined;
  /** `vmalloc`, `vmap`, `ioremap`, … */
  readonly kind: string;
  /** Pages by node. */
  readonly nodes: readonly number[];
}

/** printf with %d, %s and their widths: so that the kernel's own format strings can stand below. */
function printf(format: string, ...values: readonly (string | number)[]): string {
  const rest = [...values];
  return format.replaceAll(/%(-?)(\d*)[lu]*[dsu]/g, (_, minus: string, width: string) => {
    const text = String(rest.shift());
    return minus === "" ? text.padStart(Number(width)) : text.padEnd(Number(width));
  });
}

/** The lines of a text, each of which ends in a line break. */
function linesOf(text: string): string[] {
  if (text === "") return [];
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  return text.slice(0, -1).split("\n");
}

function match(pattern: RegExp, line: string): string[] {
  const found = pattern.exec(line);
  if (found === null) throw new Error(`not a line of this report: "${line}"`);
  return found.slice(1);
}

/** A line must be what the kernel's format makes of what was read from it. */
function requireSame(line: string, printed: string): void {
  if (line !== printed) throw new Error(`the columns are not the kernel's: "${line}" should be "${printed}"`);
}

const SLABINFO_TITLE =
  "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>";
const SLABINFO_LINE =
  /^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) : tunables +(\d+) +(\d+) +(\d+) : slabdata +(\d+) +(\d+) +(\d+)$/;
const SLABINFO_FORMAT = "%-17s %6lu %6lu %6u %4u %4d : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu";

export function parseSlabinfo(text: string): CacheRow[] {
  const [version, title, ...lines] = linesOf(text);
  if (version !== "slabinfo - version: 2.1" || title !== SLABINFO_TITLE) throw new Error("not version 2.1");
  return lines.map((line) => {
    const [name = "", ...figures] = match(SLABINFO_LINE, line);
    const numbers = figures.map(Number);
    requireSame(line, printf(SLABINFO_FORMAT, name, ...numbers));
    const [activeObjects, objects, objectBytes, objectsPerSlab, pagesPerSlab, ...others] = numbers;
    const [limit, batchCount, sharedFactor, activeSlabs, slabs, sharedAvailable] = others;
    if (limit + batchCount + sharedFactor + sharedAvailable !== 0) throw new Error(`not SLUB's: "${line}"`);
    return { name, activeObjects, objects, objectBytes, objectsPerSlab, pagesPerSlab, activeSlabs, slabs };
  });
}

const ORDER_COUNT = 11;

export function parseBuddyinfo(text: string): BuddyLine[] {
  return linesOf(text).map((line) => {
    const [node = "", zone = "", figures = ""] = match(/^Node (\d+), zone +(\S+) ((?: *\d+ )+)$/, line);
    const counts = figures.trim().split(/ +/).map(Number);
    if (counts.length !== ORDER_COUNT) throw new Error(`${counts.length} orders: "${line}"`);
    requireSame(line, printf(`Node %d, zone %8s ${"%6lu ".repeat(ORDER_COUNT)}`, Number(node), zone, ...counts));
    return { node: Number(node), zone, counts };
  });
}

const AREA_KIND = "ioremap|sparse|vmalloc|vmap|user|dma-coherent|unpurged vm_area|vm_map_ram";
/** A caller is a word that is not what may follow it. */
const AREA_CALLER = String.raw`(?: (?!pages=|phys=|(?:vmalloc|vmap|unpurged|vm_map_ram)\b)(\S+))?`;
const AREA_LINE = new RegExp(
  String.raw`^0x([0-9a-f]{16})-0x([0-9a-f]{16}) +(\d+)${AREA_CALLER}(?: pages=(\d+))?(?: phys=0x[0-9a-f]{16})?` +
    String.raw` (${AREA_KIND})( vpages)?((?: N\d+=\d+)*)$`,
);

export function parseVmallocinfo(text: string): VmallocLine[] {
  return linesOf(text).map((line) => {
    const [start, end, size, caller, pages, kind = "", , nodes = ""] = match(AREA_LINE, line);
    requireSame(line.slice(0, line.indexOf(size!) + size!.length), printf("0x%s-0x%s %7ld", start!, end!, size!));
    return {
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      sizeBytes: Number(size),
      caller,
      pageCount: pages === undefined ? undefined : Number(pages),
      kind,
      nodes: [...nodes.matchAll(/ N\d+=(\d+)/g)].map(([, count]) => Number(count)),
    };
  });
}

const MEMINFO_NAME_WIDTH = 16;
const MEMINFO_VALUE_END = 24;

/** Names and values, in the order of the lines. */
export function parseMeminfo(text: string): Map<string, number> {
  const entries = linesOf(text).map((line): [string, number] => {
    const [name = "", value = "", unit] = match(/^([A-Z]\w+(?:\(\w+\))?): *(\d+)( kB)?$/, line);
    const title = `${name}:`.padEnd(MEMINFO_NAME_WIDTH);
    requireSame(line, `${title}${value.padStart(MEMINFO_VALUE_END - title.length)}${unit ?? ""}`);
    if ((unit === undefined) !== /^HugePages_/.test(name)) throw new Error(`the unit: "${line}"`);
    return [name, Number(value)];
  });
  return new Map(entries);
}

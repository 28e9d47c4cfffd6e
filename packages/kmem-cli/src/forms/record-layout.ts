import { KERNEL_EVENT, kernelEventCode } from "../trace/kernel-events.ts";
import { asciiBytes, NONE } from "../trace/line-scan.ts";
import type { EventFormat, FieldPlace } from "./event-format.ts";

/** Where the fields of one kind of the memory manager's events stand; a kind has some of them. */
export interface RecordLayout {
  /** Of KERNEL_EVENT. */
  readonly code: number;
  readonly site: FieldPlace | undefined;
  readonly pointer: FieldPlace | undefined;
  readonly requested: FieldPlace | undefined;
  readonly allocated: FieldPlace | undefined;
  /** The place of a text's offset and length. */
  readonly cacheName: FieldPlace | undefined;
  readonly pageFrame: FieldPlace | undefined;
  readonly order: FieldPlace | undefined;
  /** Bytes that a record has at least. */
  readonly leastBytes: number;
}

const SYSTEM = "kmem";
const NUMBER_SIZES: readonly number[] = [1, 2, 4, 8];
const NO_FIELD = "the file's description of it lacks";

const NEEDED: Readonly<Record<number, readonly string[]>> = {
  [KERNEL_EVENT.KMALLOC]: ["ptr", "bytes_req", "bytes_alloc"],
  [KERNEL_EVENT.KMALLOC_NODE]: ["ptr", "bytes_req", "bytes_alloc"],
  [KERNEL_EVENT.CACHE_ALLOC]: ["ptr", "bytes_req", "bytes_alloc"],
  [KERNEL_EVENT.CACHE_ALLOC_NODE]: ["ptr", "bytes_req", "bytes_alloc"],
  [KERNEL_EVENT.KFREE]: ["ptr"],
  [KERNEL_EVENT.CACHE_FREE]: ["ptr"],
  [KERNEL_EVENT.PAGE_ALLOC]: ["pfn", "order"],
  [KERNEL_EVENT.PAGE_FREE]: ["pfn", "order"],
  [KERNEL_EVENT.PAGE_FREE_DIRECT]: ["pfn", "order"],
  [KERNEL_EVENT.PAGE_FREE_BATCHED]: ["pfn"],
  [KERNEL_EVENT.PAGEVEC_FREE]: ["pfn"],
};

/** The layout of an event; undefined where it is none of the memory manager's, a reason where it cannot be used. */
export function layoutOf({ system, name, fields }: EventFormat): RecordLayout | string | undefined {
  if (system !== SYSTEM) return undefined;
  const nameBytes = asciiBytes(name);
  const code = kernelEventCode(nameBytes, 0, nameBytes.length);
  if (code === NONE) return undefined;
  const number = (field: string): FieldPlace | undefined => {
    const place = fields.get(field);
    return place !== undefined && NUMBER_SIZES.includes(place.size) ? place : undefined;
  };
  const needed = NEEDED[code]!;
  const missing = needed.find((field) => number(field) === undefined);
  // A damaged description may give an event a field of another one, and not the fields that go with it.
  const own = (field: string): FieldPlace | undefined => (needed.includes(field) ? number(field) : undefined);
  // Linux before 4.1 has a pointer to the page in its place.
  if (missing !== undefined) return `${name}: ${NO_FIELD} ${missing}`;
  const text = fields.get("name");
  const layout = {
    code,
    site: number("call_site"),
    pointer: own("ptr"),
    requested: own("bytes_req"),
    allocated: own("bytes_alloc"),
    cacheName: text?.text !== undefined && text.size === 4 ? text : undefined,
    pageFrame: own("pfn"),
    order: number("order"),
  };
  const ends = Object.values(layout).map((place) => (typeof place === "object" ? place.offset + place.size : 0));
  return { ...layout, leastBytes: Math.max(...ends) };
}

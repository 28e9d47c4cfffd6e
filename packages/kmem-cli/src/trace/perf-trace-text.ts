import { KERNEL_EVENT } from "./kernel-events.ts";

/** `ptr: 0xffff888101aee200` and the comma behind it; a value has no comma unless it is quoted. */
const ARGUMENT = /([a-z_]+): ?("[^"]*"|[^,]*)(?:, |$)/g;

/** Fields that are read, in the order in which they are, and what one stands for that perf trace left out as zero. */
type Fields = readonly (readonly [name: string, zero: string | undefined])[];

const FREE: Fields = [
  ["call_site", undefined],
  ["ptr", "(nil)"],
  ["name", undefined],
];
const ALLOC: Fields = [...FREE, ["bytes_req", "0"], ["bytes_alloc", "0"], ["gfp_flags", "0"]];
const PAGES: Fields = [
  ["page", undefined],
  ["pfn", "0"],
  ["order", "0"],
];

function fieldsOf(code: number): Fields {
  if (code === KERNEL_EVENT.KFREE || code === KERNEL_EVENT.CACHE_FREE) return FREE;
  return code < KERNEL_EVENT.PAGE_ALLOC ? ALLOC : PAGES;
}

/**
 * The fields of an event in perf trace's form, `kmem:kfree(call_site: 1, ptr: 0x2)`, as all other tools print them.
 *
 * @param code the event, of KERNEL_EVENT.
 * @param text from behind the opening parenthesis on.
 * @returns undefined where the closing parenthesis is missing: the line was cut.
 */
export function fieldsOfCall(code: number, text: string): string | undefined {
  const end = text.lastIndexOf(")");
  if (end < 0) return undefined;
  const values = new Map<string, string>();
  for (const [, key, value] of text.slice(0, end).matchAll(ARGUMENT)) {
    values.set(key!, value === "NULL" ? "(nil)" : value!.replaceAll('"', ""));
  }
  return fieldsOf(code)
    .map(([name, zero]) => [name, values.get(name) ?? zero] as const)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}=${value}`]))
    .join("");
}

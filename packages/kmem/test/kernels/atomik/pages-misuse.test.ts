import { type Atomik, atomik, LogRing, PAGE_SIZE } from "kmem/atomik";
import { beforeEach, describe, expect, it } from "vitest";
import { RangeHeader } from "../../../src/kernels/atomik/layout.ts";
import { LinearMemory } from "../../../src/memory/memory.ts";
import { CriticalSection } from "../../../src/sync/critical-section.ts";
import { firstDifference } from "../../support/expectations.ts";

const hex = (address: number): string => `0x${address.toString(16)}`;
const shownValue = (value: unknown): string => (typeof value === "bigint" ? `${value}n` : String(value));

let memory: SharedArrayBuffer;
let bytes: Uint8Array;
let words: Int32Array;
let log: LogRing;
let kernel: Atomik;
let range: number;
let page: number;

beforeEach(() => {
  memory = new SharedArrayBuffer(128 * PAGE_SIZE);
  bytes = new Uint8Array(memory);
  words = new Int32Array(memory);
  log = new LogRing();
  kernel = atomik(memory, log);
  range = kernel.mm_register_region(8 * PAGE_SIZE, 72 * PAGE_SIZE - 1);
  page = kernel.page_alloc(5);
});

/** Asserts that the call prints this and nothing else, returns this, and changes no byte. */
function expectRefused(call: () => number, message: string, result: number): void {
  const before = bytes.slice();
  log.clear();
  expect(call()).toBe(result);
  expect(log.messages()).toEqual([message]);
  expect(firstDifference(before, bytes)).toBe(-1);
}

describe("page_alloc refuses", () => {
  it.each([0, -0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 2 ** 40, undefined, null, 5n])(
    "%s pages",
    (pageno) => {
      const message = `page_alloc: invalid number of pages: ${shownValue(pageno)}`;
      expectRefused(() => kernel.page_alloc(pageno as number), message, 0);
    },
  );
});

describe("page_free refuses", () => {
  const refused = (start: unknown, pageno: unknown, reason: string): void => {
    const shown = typeof start === "number" && start >>> 0 === start ? hex(start) : shownValue(start);
    const message = `invalid range passed: ${shown} (up to ${shownValue(pageno)} pages)${reason}`;
    expectRefused(() => kernel.page_free(start as number, pageno as number), message, -1);
  };

  it("002-21 what is not aligned to PAGE_SIZE", () => {
    for (const offset of [1, 16, 2048, 4095]) refused(page + offset, 1, ": not aligned to 4096");
  });

  it("what no range owns, NULL too", () => {
    for (const start of [0, PAGE_SIZE, range - PAGE_SIZE, 72 * PAGE_SIZE, 127 * PAGE_SIZE, 2 ** 32 - PAGE_SIZE]) {
      refused(start, 1, "");
    }
    for (const start of [Number.NaN, -PAGE_SIZE, 2 ** 32, undefined, null, 4096n]) refused(start, 1, "");
  });

  it("the tables of a range", () => {
    refused(range, 1, ": belongs to the header and the tables");
  });

  it("what is no number of pages", () => {
    for (const pageno of [0, -1, 0.5, Number.NaN, 2 ** 32, undefined, 5n])
      refused(page, pageno, ": not a number of pages");
  });

  it("what is free already, all of it or a part", () => {
    expect(kernel.page_free(page + 2 * PAGE_SIZE, 3)).toBe(0);
    refused(page + 2 * PAGE_SIZE, 3, ": is already free");
    refused(page, 5, ": page 2 of the stretch is already free");
    refused(page + PAGE_SIZE, 2, ": page 1 of the stretch is already free");
    expect(kernel.page_free(page, 2)).toBe(0);
    refused(page, 1, ": is already free");
    expect(kernel.check()).toEqual([]);
  });

  it("002-22 more than one allocation at a time: a page freed must lie within a range allocated together", () => {
    const behind = [1, 1, 1, 1].map(() => kernel.page_alloc(1)).find((at) => at === page + 5 * PAGE_SIZE);
    expect(behind).toBe(page + 5 * PAGE_SIZE);
    refused(page, 6, ": page 5 of the stretch is the start of another allocation");
    expect(kernel.page_free(page, 5)).toBe(0);
    expect(kernel.page_free(behind as number, 1)).toBe(0);
  });

  it("more than the range has", () => {
    // What is left behind the five pages and the tables is one stretch up to the end.
    while (kernel.page_alloc(1) !== 0);
    for (let at = page + 5 * PAGE_SIZE; at < 72 * PAGE_SIZE; at += PAGE_SIZE) kernel.page_free(at, 1);
    const count = 72 - page / PAGE_SIZE - 5;
    const tail = kernel.page_alloc(count);
    expect(tail).toBe(page + 5 * PAGE_SIZE);
    const reason = `: page ${count} of the stretch lies outside of the managed memory`;
    refused(tail, count + 1, reason);
    refused(tail, 2 ** 32 - 1, reason);
  });
});

describe("mm_register_region refuses", () => {
  const refused = (start: unknown, end: unknown, message: string): void =>
    expectRefused(() => kernel.mm_register_region(start as number, end as number), `mm_register_region: ${message}`, 0);
  const range1 = (start: number, end: number): string => `invalid range ${hex(start)}-${hex(end)}`;

  it("what is no pair of addresses", () => {
    for (const value of [Number.NaN, -1, 0.5, 2 ** 32, undefined, null, 5n]) {
      refused(value, 8191, `${shownValue(value)} and 8191 are no two addresses`);
    }
  });

  it("reversed bounds, bounds outside of the memory, and ranges without a page for use", () => {
    refused(9000, 8999, `${range1(9000, 8999)}: it is reversed`);
    refused(80 * PAGE_SIZE, 128 * PAGE_SIZE, `${range1(80 * PAGE_SIZE, 128 * PAGE_SIZE)}: the memory has 524288 bytes`);
    const small = "it leaves no page behind its tables";
    refused(80 * PAGE_SIZE, 81 * PAGE_SIZE - 1, `${range1(80 * PAGE_SIZE, 81 * PAGE_SIZE - 1)}: ${small}`);
    refused(80 * PAGE_SIZE + 1, 82 * PAGE_SIZE, `${range1(80 * PAGE_SIZE + 1, 82 * PAGE_SIZE)}: ${small}`);
    refused(0, 2 * PAGE_SIZE - 1, `${range1(0, 2 * PAGE_SIZE - 1)}: ${small}`);
  });

  it("ranges that overlap a registered one, and takes the same bounds as the range that is there", () => {
    const overlap = "it overlaps a range that is registered";
    for (const [first, end] of [
      [8, 71],
      [9, 72],
      [1, 100],
      [60, 100],
      [20, 30],
    ] as const) {
      const [start, last] = [first * PAGE_SIZE, end * PAGE_SIZE - 1];
      refused(start, last, `${range1(start, last)}: ${overlap}`);
    }
    const before = bytes.slice();
    expect(kernel.mm_register_region(8 * PAGE_SIZE, 72 * PAGE_SIZE - 1)).toBe(range);
    expect(firstDifference(before, bytes)).toBe(-1);
    const other = atomik(memory, log);
    const [start, last] = [8 * PAGE_SIZE, 80 * PAGE_SIZE - 1];
    expectRefused(
      () => other.mm_register_region(start, last),
      `mm_register_region: ${range1(start, last)}: ${overlap}`,
      0,
    );
  });

  it("ranges of another list", () => {
    const other = atomik(memory, log);
    const [start, last] = [80 * PAGE_SIZE, 90 * PAGE_SIZE - 1];
    expect(other.mm_register_region(start, last)).toBe(start);
    refused(start, last, `${range1(start, last)}: it is registered in another list`);
  });

  it("ranges over a live kmalloc region", () => {
    kernel.kmalloc_init(100 * PAGE_SIZE, 101 * PAGE_SIZE - 1);
    const [start, last] = [90 * PAGE_SIZE, 120 * PAGE_SIZE - 1];
    refused(start, last, `${range1(start, last)}: it overlaps the kmalloc region at 0x64000`);
  });
});

describe("mm_region_debug refuses", () => {
  it("what is no registered range", () => {
    for (const region of [0, range + PAGE_SIZE, Number.NaN, undefined]) {
      const shown = typeof region === "number" && region >>> 0 === region ? hex(region) : shownValue(region);
      const message = `mm_region_debug: ${shown} is no registered range`;
      expectRefused(() => kernel.mm_region_debug(region as number), message, -1);
    }
  });
});

describe("a range whose header is damaged", () => {
  it.each(["MAGIC", "SEAL", "START", "END", "ROOT"] as const)("is used no more: %s", (field) => {
    words[range / 4 + RangeHeader[field]] ^= 4096;
    const damaged = `the range at ${hex(range)} is damaged`;
    expectRefused(() => kernel.page_alloc(1), `page_alloc: ${damaged}`, 0);
    const message = `invalid range passed: ${hex(page)} (up to 1 pages): ${damaged}`;
    expectRefused(() => kernel.page_free(page, 1), message, -1);
    expect(kernel.check()).toEqual([{ address: range, problem: "a range's header is damaged" }]);
    const [start, last] = [80 * PAGE_SIZE, 90 * PAGE_SIZE - 1];
    const text = `mm_register_region: invalid range ${hex(start)}-${hex(last)}: the list of ranges is damaged`;
    expectRefused(() => kernel.mm_register_region(start, last), text, 0);
  });

  it("leaves the ranges before it in use", () => {
    const behind = kernel.mm_register_region(80 * PAGE_SIZE, 90 * PAGE_SIZE - 1);
    words[behind / 4] = 0;
    const before = kernel.page_alloc(1);
    expect(before).toBeLessThan(behind);
    expectRefused(() => kernel.page_alloc(60), `page_alloc: the range at ${hex(behind)} is damaged`, 0);
    expect(kernel.page_free(before, 1)).toBe(0);
  });
});

describe("002-17 002-26 the critical section, not re-entrant,", () => {
  const entered = "the critical section is entered already";

  it("refuses the thread that is inside, in every call", () => {
    // Owners are numbered in the order in which they join the list.
    words[range / 4 + RangeHeader.LOCK] = 1;
    expectRefused(() => kernel.page_alloc(1), `page_alloc: ${entered}`, 0);
    expectRefused(() => kernel.page_free(page, 1), `page_free: ${entered}`, -1);
    expectRefused(() => kernel.mm_region_debug(range), `mm_region_debug: ${entered}`, -1);
    const [start, last] = [80 * PAGE_SIZE, 90 * PAGE_SIZE - 1];
    const text = `mm_register_region: invalid range ${hex(start)}-${hex(last)}: ${entered}`;
    expectRefused(() => kernel.mm_register_region(start, last), text, 0);
    words[range / 4 + RangeHeader.LOCK] = 0;
    expect(kernel.page_free(page, 5)).toBe(0);
  });

  it("refuses to wait in memory that no other thread can see", () => {
    const alone = new ArrayBuffer(64 * PAGE_SIZE);
    const quiet = new LogRing();
    const other = atomik(alone, quiet);
    const root = other.mm_register_region(PAGE_SIZE, 64 * PAGE_SIZE - 1);
    const header = new Int32Array(alone, root);
    header[RangeHeader.OWNERS] = 77;
    header[RangeHeader.LOCK] = 77;
    expect(other.page_alloc(1)).toBe(0);
    expect(quiet.messages()).toEqual([`page_alloc: ${entered}`]);
  });

  it.each([2, 77, -5, 0x7fff_ffff, -0x8000_0000, -1])("goes in though its word says %d, who is nobody", (stray) => {
    for (const bytes of [new ArrayBuffer(64 * PAGE_SIZE), new SharedArrayBuffer(64 * PAGE_SIZE)]) {
      const other = atomik(bytes, new LogRing());
      const root = other.mm_register_region(PAGE_SIZE, 64 * PAGE_SIZE - 1);
      new Int32Array(bytes, root)[RangeHeader.LOCK] = stray;
      expect(other.page_free(other.page_alloc(1), 1)).toBe(0);
    }
  });

  it("is left at the end of every call, of those that fail too", () => {
    const isOutside = (): boolean => words[range / 4 + RangeHeader.LOCK] === 0;
    for (const call of [
      () => kernel.page_alloc(1),
      () => kernel.page_alloc(1000),
      () => kernel.page_free(page, 5),
      () => kernel.page_free(page, 5),
      () => kernel.page_free(0, 5),
      () => kernel.mm_region_debug(range),
      () => kernel.mm_region_debug(1),
      () => kernel.mm_register_region(20 * PAGE_SIZE, 30 * PAGE_SIZE),
      () => kernel.mm_register_region(80 * PAGE_SIZE, 90 * PAGE_SIZE),
    ]) {
      call();
      expect(isOutside()).toBe(true);
    }
  });

  it("lets one owner in and keeps the word of who is inside", () => {
    const linear = new LinearMemory(memory);
    const lock = 100 * PAGE_SIZE;
    const first = new CriticalSection(linear, lock, { owner: 1 });
    expect(first.enter()).toBe(true);
    expect(words[lock / 4]).toBe(1);
    expect(first.enter()).toBe(false);
    first.leave();
    expect(words[lock / 4]).toBe(0);
    const second = new CriticalSection(linear, lock, { owner: 2 });
    expect(second.enter()).toBe(true);
    expect(words[lock / 4]).toBe(2);
  });
});

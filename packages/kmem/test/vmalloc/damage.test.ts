import { describe, expect, it } from "vitest";
import { RunKind } from "../../src/pages/layout.ts";
import { ARENA_OFFSET, PAGE_PRESENT, VMALLOC_START, VmAreaRecord, VmallocRoot } from "../../src/vmalloc/layout.ts";
import { ArenaHeader } from "../../src/vmem/layout.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Random } from "../support/random.ts";
import { makeVmalloc, type VmallocSubject } from "./support.ts";

interface Damaged extends VmallocSubject {
  readonly words: Int32Array;
  /** Indexes in `words` of the root, the directory, the page table, and the record of the second area. */
  readonly root: number;
  readonly directory: number;
  readonly table: number;
  readonly record: number;
  /** The three areas; the last is one of vmap. */
  readonly areas: readonly number[];
  problems(): string;
}

function subject(): Damaged {
  const made = makeVmalloc({ shared: false });
  const { vmalloc, layers, anchorAddress, takePages } = made;
  const page = takePages(1);
  const areas = [vmalloc.vmalloc(3 * PAGE), vmalloc.vmalloc(5000), vmalloc.vmap([page, page])];
  const words = layers.memory.words as Int32Array;
  const root = (words[anchorAddress / 4] >>> 0) / 4;
  const directory = (words[root + VmallocRoot.DIRECTORY] >>> 0) / 4;
  const table = (words[directory] >>> 12) * 1024;
  // The record of the second area is the one that says it has two pages for 5000 bytes.
  const record = words.indexOf(5000, root) - VmAreaRecord.ASKED_BYTES;
  const problems = (): string => {
    const found: string[] = [];
    vmalloc.check((_address, problem) => found.push(problem));
    return found.join("\n");
  };
  return { ...made, words, root, directory, table, record, areas, problems };
}

describe("the check of virtual memory", () => {
  it("finds nothing in sound memory", () => {
    expect(subject().problems()).toBe("");
  });

  it.each<[string, (damaged: Damaged) => void, string]>([
    ["the anchor", ({ words, anchorAddress }) => (words[anchorAddress / 4] += PAGE), "has its root"],
    ["the anchor, 0", ({ words, anchorAddress }) => (words[anchorAddress / 4] = 0), "has its root"],
    ["the anchor, odd", ({ words, anchorAddress }) => words[anchorAddress / 4]++, "has its root"],
    ["the anchor, far", ({ words, anchorAddress }) => (words[anchorAddress / 4] = -PAGE), "has its root"],
    ["the magic", ({ words, root }) => words[root]++, "has its root"],
    [
      "the directory's address",
      ({ words, root }) => (words[root + VmallocRoot.DIRECTORY] = 8192),
      "not allocated for it",
    ],
    ["the directory, the root", ({ words, root }) => (words[root + VmallocRoot.DIRECTORY] = root * 4), "is used twice"],
    ["the directory's length", ({ words, root }) => (words[root + VmallocRoot.DIRECTORY_PAGES] = 0), "has 0 pages"],
    [
      "the directory's length, negative",
      ({ words, root }) => (words[root + VmallocRoot.DIRECTORY_PAGES] = -(2 ** 31) + 5),
      "has -",
    ],
    [
      "the directory's length, long",
      ({ words, root }) => (words[root + VmallocRoot.DIRECTORY_PAGES] = 9999),
      "is used",
    ],
    [
      "the mapped pages",
      ({ words, root }) => words[root + VmallocRoot.MAPPED_PAGES]++,
      "7 mapped pages, the count says 8",
    ],
    [
      "the page tables",
      ({ words, root }) => words[root + VmallocRoot.TABLE_PAGES]++,
      "1 page tables, the count says 2",
    ],
    ["the pages of records", ({ words, root }) => words[root + VmallocRoot.RECORD_PAGES]++, "0 pages of records"],
    ["the count of areas", ({ words, root }) => words[root + VmallocRoot.AREA_COUNT]--, "3 areas, the count says 2"],
    ["the arena", ({ words, root }) => words[root + ARENA_OFFSET / 4 + ArenaHeader.FREE_UNITS]++, "in free segments"],
    ["the arena's magic", ({ words, root }) => words[root + ARENA_OFFSET / 4]++, "no arena has its header here"],
    ["a table's count", ({ words, directory }) => words[directory]++, "has 7 entries, the directory says 8"],
    [
      "a table's address",
      ({ words, directory, table }) => (words[directory] = (words[table] & -PAGE) | 7),
      "has 0 entries, the directory says 7",
    ],
    ["a table that is lost", ({ words, directory }) => (words[directory] = 0), "has no page at"],
    ["an entry's flags", ({ words, table }) => (words[table] |= 6), "has the flags 7"],
    ["an entry that is lost", ({ words, table }) => (words[table + 1] = 0), `has no page at ${VMALLOC_START + PAGE}`],
    ["an entry, another's", ({ words, table }) => (words[table] = words[table + 1]), "is used twice"],
    ["an entry, the table", ({ words, table }) => (words[table] = (table * 4) | PAGE_PRESENT), "is used twice"],
    ["an entry, the user's", ({ words, table }) => (words[table] = words[table + 7]), "not allocated for it"],
    ["a guard page", ({ words, table }) => (words[table + 3] = words[table]), "has a guard page that is mapped"],
    ["a page outside", ({ words, table }) => (words[table + 500] = words[table]), "is mapped and in no area"],
    ["a vmap to nowhere", ({ words, table }) => (words[table + 7] = PAGE_PRESENT), "maps frame 0, which is not in use"],
    ["an area's kind", ({ words, record }) => (words[record] = 3), "is of kind 3"],
    ["an area's pages", ({ words, record }) => words[record + VmAreaRecord.PAGE_COUNT]++, "says it has 3 pages"],
    ["an area's bytes", ({ words, record }) => (words[record + VmAreaRecord.ASKED_BYTES] = 9000), "for 9000 bytes"],
  ])("finds damage to %s", (_what, damage, text) => {
    const damaged = subject();
    damage(damaged);
    expect(damaged.problems()).toContain(text);
  });

  it("finds pages of vmap that were freed under it", () => {
    const damaged = subject();
    const address = damaged.vmalloc.vmallocToPage(damaged.areas[2] as number);
    damaged.layers.pages.free(address / PAGE, 1, RunKind.PAGES);
    expect(damaged.problems()).toContain("which is not in use");
  });

  it("finds pages of records that are not its own", () => {
    const damaged = subject();
    const { vmalloc, words, root } = damaged;
    while (vmalloc.stats().recordPages === 1) vmalloc.vmalloc(1);
    expect(damaged.problems()).toBe("");
    const table = words[root + ARENA_OFFSET / 4 + ArenaHeader.TABLES] >>> 0;
    damaged.layers.pages.free(table / PAGE, 1, RunKind.VMALLOC);
    expect(damaged.problems()).toContain("not allocated for it");
  });

  it("ends on random bytes, and on whole pages of them", () => {
    const random = new Random(9);
    for (let turn = 0; turn < 150; turn++) {
      const damaged = subject();
      const { words, root, directory, table } = damaged;
      const page = random.pick([root, directory, table]);
      const count = turn % 3 === 0 ? PAGE / 4 : 1 + random.below(20);
      for (let index = 0; index < count; index++) {
        const value = random.below(3) === 0 ? random.below(2 ** 32) : random.below((2 * MIB) / PAGE) * PAGE;
        words[page + 1 + random.below(PAGE / 4 - 1)] = value;
      }
      if (count > 20) expect(damaged.problems()).not.toBe("");
      else expect(typeof damaged.problems()).toBe("string");
    }
  });
});

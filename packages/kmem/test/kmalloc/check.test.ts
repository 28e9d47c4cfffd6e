import { beforeEach, describe, expect, it } from "vitest";
import { checkHeap } from "../../src/index.ts";
import { Header, SlotRecord, Tag } from "../../src/layout.ts";
import type { BusyHeap } from "../support/busy-heap.ts";
import { PAGE } from "../support/memories.ts";
import { Patient } from "../support/patient.ts";
import type { Peek } from "../support/peek.ts";

let patient: Patient;
let busy: BusyHeap;
let peek: Peek;
let words: Int32Array;
let bytes: Uint8Array;

beforeEach(() => {
  patient = new Patient();
  ({ busy, peek, words, bytes } = patient);
});

describe("check finds, in kmalloc,", () => {
  it("a header without its tag, and tags on the tables", () => {
    const tagTable = peek.header(Header.TAG_TABLE);
    bytes[tagTable + 40] = 1;
    patient.expectFinding("kmalloc", "a tag stands where the tables are", tagTable);
    bytes[tagTable] = Tag.NONE;
    patient.expectFinding("kmalloc", "the header's tag is not reserved", tagTable);
  });

  it("a run for a block without a live tag", () => {
    for (const tag of [Tag.NONE, Tag.IN_SLAB, Tag.RESERVED]) {
      bytes[peek.tagByte(busy.runs[0] as number)] = tag;
      patient.expectFinding("kmalloc", "a run of pages for a block carries no live tag", busy.runs[0]);
    }
  });

  it("a tag in the midst of a run, on pages, on a free page and on a slot's pages", () => {
    const places = [
      (busy.runs[0] as number) + 4096,
      (busy.runs[0] as number) + 32,
      busy.pages[0] as number,
      (peek.freeBlocks()[0]?.frame ?? 0) * PAGE + 160,
      peek.areaWord * 4,
    ];
    for (const address of places) {
      bytes[peek.tagByte(address)] = 1;
      patient.expectFinding("kmalloc", "a tag (1) where no block starts", address);
      bytes[peek.tagByte(address)] = 0;
    }
  });

  it("a block of a slot that was never held", () => {
    bytes[peek.tagByte(busy.blocks[0] as number)] = 6;
    patient.expectFinding("kmalloc", "a block is of slot 5, which was never held", busy.blocks[0]);
    bytes[peek.tagByte(busy.runs[0] as number)] = 126;
    patient.expectFinding("kmalloc", "a block is of slot 125, which was never held", busy.runs[0]);
  });

  it("a slot in a state that there is not, or without its pages", () => {
    words[peek.slotWord(3, SlotRecord.STATE)] = 7;
    patient.expectFinding("kmalloc", "slot 3 is in no state that there is");
    words[peek.slotWord(4, SlotRecord.STATE)] = 1;
    patient.expectFinding("kmalloc", "slot 4 is in no state that there is");
    words[peek.slotWord(5, SlotRecord.AREA)] = busy.pages[0] as number;
    patient.expectFinding(
      "kmalloc",
      `the private pages of slot 5 are said to be at 0x${(busy.pages[0] as number).toString(16)}`,
    );
    words[peek.slotWord(0, SlotRecord.STATE)] = 0;
    patient.expectFinding("kmalloc", "slot 0 is in use and not held");
    words[peek.slotWord(0, SlotRecord.AREA)] = 0;
    patient.expectFinding("kmalloc", "slot 0 has lost its pages");
  });
});

describe("check", () => {
  it("writes nothing", () => {
    bytes[peek.tagByte(busy.blocks[0] as number)] = 0;
    const before = bytes.slice();
    expect(checkHeap(busy.heap).isClean).toBe(false);
    expect(Buffer.compare(before, bytes)).toBe(0);
  });

  it("names layer, address and problem", () => {
    bytes[peek.tagByte(busy.runs[0] as number)] = 0;
    expect(checkHeap(busy.heap).findings).toEqual([
      { layer: "kmalloc", address: busy.runs[0], problem: "a run of pages for a block carries no live tag" },
    ]);
  });
});

import { beforeEach, describe, it } from "vitest";
import { AreaWord, CacheRecord, FrameKind, FrameRecord, FULL, Tag } from "../../src/layout.ts";
import type { BusyHeap } from "../support/busy-heap.ts";
import { PAGE } from "../support/memories.ts";
import { frameOf, Patient } from "../support/patient.ts";
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

describe("check finds, in the slabs,", () => {
  const kind = (): number => peek.kindAt(busy.objects[0] as number);

  it("a page of a cache that there is not", () => {
    bytes[peek.kindByte(frameOf(busy.pages[0] as number))] = 200;
    patient.expectFinding("slab", "a page belongs to cache 184, which does not exist", busy.pages[0]);
  });

  it("a page of a slab that points to another", () => {
    const slab = patient.slabOf(busy.objects[0] as number);
    words[peek.frameWord(slab, FrameRecord.SLAB_OR_OWNER)]++;
    patient.expectFinding("slab", "a page of a slab of objects points to another slab", slab * PAGE);
  });

  it("a tag where no block starts", () => {
    bytes[peek.tagByte((busy.objects[0] as number) + 16)] = 1;
    patient.expectFinding("slab", "a tag (1) stands where no block starts", (busy.objects[0] as number) + 16);
  });

  it("a tag that means nothing", () => {
    for (const tag of [Tag.NONE, Tag.RESERVED]) {
      bytes[peek.tagByte(busy.objects[0] as number)] = tag;
      patient.expectFinding("slab", `a block has the tag ${tag}, which means nothing`, busy.objects[0]);
    }
  });

  it("a block that is free nowhere", () => {
    for (const tag of [Tag.FIRST_CACHED, 200, 254, Tag.IN_BARN]) {
      bytes[peek.tagByte(busy.objects[0] as number)] = tag;
      patient.expectFinding("slab", "a free block is in no slab and not where its tag says", busy.objects[0]);
    }
  });

  it("a live block that is in a sheaf", () => {
    const entry = peek.sheaf(kind())[0] as number;
    bytes[peek.tagByte(entry)] = 1;
    patient.expectFinding("slab", "a sheaf holds what is no free block of its cache", entry);
  });

  it("a free block before its slab's cursor", () => {
    const address = inSlab();
    words[peek.frameWord(patient.slabOf(address), FrameRecord.COUNT)] += 4000 << 16;
    patient.expectFinding("slab", "a free block lies before its slab's cursor", address);
  });

  it("wrong counts of a slab and of a cache", () => {
    const slab = patient.slabOf(inSlab());
    words[peek.frameWord(slab, FrameRecord.COUNT)]++;
    patient.expectFinding("slab", /a slab has \d+ free blocks, its count says \d+/, slab * PAGE);
    const fields = [CacheRecord.SLABS, CacheRecord.EMPTY_SLABS, CacheRecord.FREE_BLOCKS];
    for (const [index, field] of fields.entries()) {
      const before = peek.cache(kind(), field);
      words[peek.cacheWord(kind(), field)]++;
      const what = ["slabs", "empty slabs", "free blocks in slabs"][index];
      patient.expectFinding("slab", `objects: ${before} ${what}, the count says ${before + 1}`);
    }
  });

  it("a list of slabs that is broken, circular, or ends wrongly", () => {
    const slab = patient.slabOf(inSlab());
    const name = `kmalloc-${peek.cache(peek.kind(slab), CacheRecord.BLOCK_BYTES)}`;
    const save = peek.frame(slab, FrameRecord.PREV);
    words[peek.frameWord(slab, FrameRecord.PREV)] = 99;
    patient.expectFinding("slab", `a link back in the list of ${name} is wrong`, slab * PAGE);
    words[peek.frameWord(slab, FrameRecord.PREV)] = save;
    words[peek.cacheWord(peek.kind(slab), CacheRecord.PARTIAL_TAIL)] = 99;
    patient.expectFinding("slab", `the end of the list of ${name} is wrong`);
    words[peek.cacheWord(peek.kind(slab), CacheRecord.PARTIAL_HEAD)] = frameOf(busy.pages[0] as number);
    patient.expectFinding("slab", `the list of ${name} holds what is no slab with free blocks, or holds it twice`);
    patient.expectFinding("slab", `a slab of ${name} with free blocks is in no list`, slab * PAGE);
    words[peek.cacheWord(peek.kind(slab), CacheRecord.PARTIAL_HEAD)] = slab;
    words[peek.frameWord(slab, FrameRecord.NEXT)] = slab;
    patient.expectFinding("slab", `the list of ${name} holds what is no slab with free blocks, or holds it twice`);
  });

  it("a block that another one has ousted from its sheaf, or one in that of another cache", () => {
    const top = words[peek.topWord(kind())] as number;
    const ousted = words[top] as number;
    words[top] = words[top - 1] as number;
    patient.expectFinding("slab", "a free block is in no slab and not where its tag says", ousted);
    words[top] = busy.runs[0] as number;
    patient.expectFinding("slab", "the sheaf of objects holds a block of another kind", busy.runs[0]);
  });

  it("a sheaf whose top is elsewhere", () => {
    const topWord = peek.topWord(kind());
    const top = words[topWord] as number;
    for (const elsewhere of [top + 1000, top - 1000, -1, 0, 0x7fff_ffff, -0x8000_0000]) {
      words[topWord] = elsewhere;
      patient.expectFinding("slab", "the top of the sheaf of objects is not in it", topWord * 4);
    }
  });

  it("a sheaf that has lost an end, or has one too many", () => {
    const topWord = peek.topWord(kind());
    const top = words[topWord] as number;
    const bottom = top - peek.sheaf(kind()).length;
    const full = bottom + peek.cache(kind(), CacheRecord.CAPACITY) + 1;
    words[full] = 5;
    patient.expectFinding("slab", "the sheaf of objects has lost an end", topWord * 4);
    words[full] = FULL;
    words[full - 1] = FULL;
    patient.expectFinding("slab", "the sheaf of objects has an end too many", topWord * 4);
    words[full - 1] = 0;
    // A search for the lower end meets it there first, and what lies below is lost.
    words[topWord] = top + 1;
    words[top + 1] = peek.base;
    patient.expectFinding("slab", "the sheaf of objects has an end too many", topWord * 4);
    words[topWord] = top;
    words[top + 1] = 0;
    words[bottom] = 5;
    patient.expectFinding("slab", "the sheaf of objects has lost an end", topWord * 4);
  });

  it("a sheaf of a kind that has none, and broken ones for those that have none", () => {
    const closed = peek.areaWord + AreaWord.DUMMY_SHEAF;
    words[peek.topWord(5)] = words[peek.topWord(kind())] as number;
    patient.expectFinding("slab", "there is a sheaf of kind 5, which has none", peek.topWord(5) * 4);
    words[closed + 1] = 0;
    patient.expectFinding("slab", "the sheaf of those that have none is not empty and full", closed * 4);
  });

  it("a page of sheaves that is no page of a slot", () => {
    const word = peek.areaWord + AreaWord.NAMED_SHEAF_PAGES + (kind() >>> 4);
    for (const page of [busy.pages[0] as number, (words[word] as number) + 64, -4096]) {
      words[word] = page;
      patient.expectFinding("slab", `the page of the sheaves of group ${kind() >>> 4} is no page of a slot`, word * 4);
    }
  });

  const RECORD_FAULTS: readonly [keyof typeof CacheRecord, number, RegExp][] = [
    ["BLOCK_BYTES", 81, /is wrong: its blocks have 81 bytes/],
    ["BLOCK_BYTES", -16, /is wrong: its blocks have -16 bytes/],
    ["BLOCK_BYTES", 131_088, /is wrong: its blocks have 131088 bytes/],
    ["BLOCK_BYTES", 96, /is wrong: its blocks of 96 bytes are for objects of 72/],
    ["BLOCK_BYTES", 0, /the record of cache 72, unused, is not empty/],
    ["OBJECT_BYTES", 100, /is wrong: its blocks of 80 bytes are for objects of 100/],
    ["OBJECT_BYTES", 0, /is wrong: its blocks of 80 bytes are for objects of 0/],
    ["ALIGN_BYTES", 3, /is wrong: its blocks are aligned to 3/],
    ["ALIGN_BYTES", 8192, /is wrong: its blocks are aligned to 8192/],
    ["SLAB_PAGES", 0, /is wrong: its slabs have 0 pages, not \d/],
    ["SLAB_PAGES", -1, /is wrong: its slabs have -1 pages, not \d/],
    ["SLAB_PAGES", 0x7fff_ffff, /is wrong: its slabs have 2147483647 pages, not \d/],
    ["SLAB_BLOCKS", 3, /is wrong: its slabs have 3 blocks, not \d/],
    ["CAPACITY", 1000, /is wrong: its sheaves have 1000 entries, not \d/],
    ["NAME", 0, /is wrong: its name is no name/],
    ["NAME", 0x4141_0a41, /is wrong: its name is no name/],
  ];

  it.each(RECORD_FAULTS)("a cache's record with %s %i", (field, value, text) => {
    words[peek.cacheWord(kind(), CacheRecord[field])] = value;
    patient.expectFinding("slab", text, peek.cacheWord(kind(), 0) * 4);
  });

  it("the record of a size class that is not that of its class", () => {
    const address = peek.cacheWord(FrameKind.FIRST_CACHE + 3, 0) * 4;
    words[address / 4 + CacheRecord.NAME] ^= 1;
    patient.expectFinding("slab", "the record of cache 3 is wrong: it is not that of its size class", address);
    words[address / 4] = 0;
    patient.expectFinding("slab", "the record of cache 3 is wrong: it is empty", address);
  });

  it("an unused record that is not empty", () => {
    words[peek.cacheWord(FrameKind.FIRST_CACHE + 100, CacheRecord.NAME + 2)] = 1;
    patient.expectFinding("slab", "the record of cache 100, unused, is not empty");
  });

  /** A block that is free in its slab, of a cache of kmalloc. */
  function inSlab(): number {
    let address = peek.firstPageFrame * PAGE;
    while (peek.tag(address) !== Tag.IN_SLAB || peek.kindAt(address) === kind()) address += 16;
    return address;
  }
});

import { beforeEach, describe, expect, it } from "vitest";
import { checkHeap, Heap } from "../../src/index.ts";
import { FrameKind, FrameRecord, Header, ZoneRecord } from "../../src/layout.ts";
import type { BusyHeap } from "../support/busy-heap.ts";
import { PAGE } from "../support/memories.ts";
import { frameOf, Patient } from "../support/patient.ts";
import { Peek } from "../support/peek.ts";

let patient: Patient;
let busy: BusyHeap;
let peek: Peek;
let words: Int32Array;
let bytes: Uint8Array;

beforeEach(() => {
  patient = new Patient();
  ({ busy, peek, words, bytes } = patient);
});

describe("check finds, in the header,", () => {
  it("a broken magic", () => {
    words[peek.headerWord(Header.MAGIC)]++;
    patient.expectFinding("header", /not a heap of this version: the magic is/, peek.base);
  });

  it("a changed constant", () => {
    words[peek.headerWord(Header.SLOT_COUNT)]++;
    patient.expectFinding("header", /the header checksum is/);
  });

  it.each([0, 5, -1, 0x7fff_ffff, 513])("an end at frame %i, and looks no further", (end) => {
    words[peek.headerWord(Header.END_FRAME)] = end;
    patient.expectFinding("header", /the heap's end \(frame \d+\) lies outside of its limits/);
    expect(checkHeap(busy.heap).findings.length).toBe(1);
  });
});

describe("check finds, in the pages,", () => {
  it("a page of the tables that is not reserved", () => {
    bytes[peek.kindByte(peek.baseFrame + 1)] = FrameKind.FREE_HEAD;
    patient.expectFinding("pages", "a page of the tables is not reserved", (peek.baseFrame + 1) * PAGE);
  });

  it("a free block of an order that cannot stand there", () => {
    const { frame } = patient.listed();
    for (const order of [11, -1, 10]) {
      words[peek.frameWord(frame, FrameRecord.COUNT)] = order;
      patient.expectFinding("pages", `a free block has the order ${order}, which cannot stand here`, frame * PAGE);
    }
  });

  it("a free page in the midst of a free block", () => {
    const block = peek.freeBlocks().find(({ order }) => order > 1) ?? { frame: 0, order: 0 };
    bytes[peek.kindByte(block.frame + 2)] = FrameKind.FREE_HEAD;
    patient.expectFinding("pages", `page 2 of a block of ${2 ** block.order} is of kind ${FrameKind.FREE_HEAD}`);
  });

  it("a run of more pages than there are", () => {
    words[peek.frameWord(frameOf(busy.pages[1] as number), FrameRecord.COUNT)] = 5000;
    patient.expectFinding("pages", "a run has 5000 pages, more than there are", busy.pages[1]);
    words[peek.frameWord(frameOf(busy.pages[1] as number), FrameRecord.COUNT)] = 0;
    patient.expectFinding("pages", "a run has 0 pages, more than there are", busy.pages[1]);
  });

  it("a run longer or shorter than it says", () => {
    const word = peek.frameWord(frameOf(busy.pages[1] as number), FrameRecord.COUNT);
    words[word] = 6;
    patient.expectFinding("pages", /page 5 of a block of 6 is of kind \d+/, (busy.pages[1] as number) + 5 * PAGE);
    words[word] = 4;
    patient.expectFinding("pages", "a page of kind 5 has no head", (busy.pages[1] as number) + 4 * PAGE);
  });

  it("a page marked absent, and a kind that means nothing", () => {
    bytes[peek.kindByte(frameOf(busy.pages[0] as number))] = FrameKind.ABSENT;
    patient.expectFinding("pages", "a page is marked absent", busy.pages[0]);
    bytes[peek.kindByte(frameOf(busy.pages[0] as number))] = 15;
    patient.expectFinding("pages", "a page of kind 15 has no head", busy.pages[0]);
  });

  it("a page beyond the end that is not absent", () => {
    const heap = Heap.create({ sizeBytes: 1 << 20, maximumBytes: 1 << 21 });
    const inside = new Peek(heap);
    const frame = inside.endFrame + 3;
    inside.bytes[inside.kindByte(frame)] = FrameKind.FREE_HEAD;
    const problem = "a page beyond the end is not absent";
    expect(checkHeap(heap).findings).toEqual([{ layer: "pages", address: frame * PAGE, problem }]);
  });

  it("a list that holds what is no free block", () => {
    const { frame, order } = patient.listed();
    words[peek.zoneWord(1, ZoneRecord.FREE_LIST + order)] = frameOf(busy.pages[0] as number);
    patient.expectFinding(
      "pages",
      `zone Normal: the list of order ${order} holds what is no free block, or holds it twice`,
    );
    patient.expectFinding("pages", "a free block is in no list", frame * PAGE);
  });

  it("a list that runs in a circle", () => {
    const order = patient.listed().order;
    const head = peek.zone(1, ZoneRecord.FREE_LIST + order);
    words[peek.frameWord(peek.frame(head, FrameRecord.NEXT), FrameRecord.NEXT)] = head;
    patient.expectFinding(
      "pages",
      `zone Normal: the list of order ${order} holds what is no free block, or holds it twice`,
    );
  });

  it("a wrong link back", () => {
    const order = patient.listed().order;
    const head = peek.zone(1, ZoneRecord.FREE_LIST + order);
    words[peek.frameWord(head, FrameRecord.PREV)] = 77;
    patient.expectFinding("pages", `zone Normal: a link back in the list of order ${order} is wrong`, head * PAGE);
  });

  it("a block in the list of another order", () => {
    const order = patient.listed().order;
    const other =
      [...Array(10).keys()].find((at) => at !== order && peek.zone(1, ZoneRecord.FREE_LIST + at) !== 0) ?? 0;
    const [a, b] = [peek.zoneWord(1, ZoneRecord.FREE_LIST + order), peek.zoneWord(1, ZoneRecord.FREE_LIST + other)];
    [words[a], words[b]] = [words[b] as number, words[a] as number];
    patient.expectFinding("pages", `zone Normal: a block of another order is in list ${order}`);
  });

  it("buddies that are free and not merged", () => {
    const block = peek.freeBlocks().find(({ order, frame }) => order === 3 && frame >= peek.zone(1, 0));
    const { frame, order } = block ?? peek.freeBlocks().find((other) => other.order > 0) ?? { frame: 0, order: 0 };
    const half = frame + 2 ** (order - 1);
    const zone = frame >= peek.zone(1, ZoneRecord.FIRST_FRAME) ? 1 : 0;
    bytes[peek.kindByte(half)] = FrameKind.FREE_HEAD;
    words[peek.frameWord(half, FrameRecord.COUNT)] = order - 1;
    words[peek.frameWord(frame, FrameRecord.COUNT)] = order - 1;
    const listWord = peek.zoneWord(zone, ZoneRecord.FREE_LIST + order - 1);
    words[peek.frameWord(half, FrameRecord.NEXT)] = words[listWord] as number;
    words[listWord] = half;
    const name = ["DMA", "Normal"][zone];
    patient.expectFinding("pages", `zone ${name}: two free buddies of order ${order - 1} are not merged`, half * PAGE);
  });

  it("wrong counts of a zone", () => {
    const { order } = patient.listed();
    const blocks = peek.zone(1, ZoneRecord.FREE_COUNT + order);
    words[peek.zoneWord(1, ZoneRecord.FREE_COUNT + order)]++;
    patient.expectFinding("pages", `zone Normal: ${blocks} blocks of order ${order}, the count says ${blocks + 1}`);
    const free = peek.zone(1, ZoneRecord.FREE_FRAMES);
    words[peek.zoneWord(1, ZoneRecord.FREE_FRAMES)] -= 4;
    patient.expectFinding("pages", `zone Normal: ${free} pages are free, the count says ${free - 4}`);
  });

  it("a zone with other bounds than the heap's", () => {
    for (const field of [ZoneRecord.FIRST_FRAME, ZoneRecord.END_FRAME]) {
      words[peek.zoneWord(1, field)]++;
      patient.expectFinding("pages", /zone Normal goes from page \d+ to \d+, not from \d+ to \d+/);
      words[peek.zoneWord(1, field)]--;
    }
  });

  it("watermarks that do not follow from the lowest", () => {
    for (const field of [ZoneRecord.MIN, ZoneRecord.LOW, ZoneRecord.HIGH]) {
      words[peek.zoneWord(1, field)] += 5;
      patient.expectFinding("pages", /zone Normal has the watermarks \d+, \d+ and \d+/);
      words[peek.zoneWord(1, field)] -= 5;
    }
  });
});

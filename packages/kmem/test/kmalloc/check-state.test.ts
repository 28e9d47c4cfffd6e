import { describe, expect, it } from "vitest";
import { checkHeap } from "../../src/index.ts";
import { CacheRecord, FrameRecord, Header, RunOwner, SlotRecord } from "../../src/layout.ts";
import { frameOf, Patient } from "../support/patient.ts";

/** The record of the first named cache: its kind. */
const OBJECTS = 88;

describe("check finds state that cannot be while all threads are at rest", () => {
  it.each<[string, (patient: Patient) => number, number, RegExp]>([
    [
      "a waited lock",
      ({ peek }) => peek.headerWord(Header.REAP_LOCK),
      -0x8000_0000,
      /^a lock that nobody holds is not free$/,
    ],
    ["a held lock", ({ peek }) => peek.headerWord(Header.REAP_LOCK), 0x85, /^slot 4 holds a lock$/],
    ["growths", ({ peek }) => peek.headerWord(Header.GROWTH_COUNT), 0, /cannot have grown so often: 0/],
    ["a reclaim level", ({ peek }) => peek.headerWord(Header.RECLAIM_AT), 1e9, /at 1000000000 pages, which never are/],
    ["a shortage", ({ peek }) => peek.headerWord(Header.PRESSURE), 7, /pages are said to be short while \d+ are free/],
    ["a serial number", ({ peek }) => peek.headerWord(Header.CACHE_SERIAL), 3, /the last cache made has the number 74/],
    [
      "a ticket",
      ({ peek }) => peek.slotWord(5, SlotRecord.TICKET),
      9,
      /whether slot 5 waits for memory is said in two/,
    ],
    ["a watch", ({ peek }) => peek.slotWord(5, SlotRecord.WATCHED), 2, /whether slot 5 is watched/],
    [
      "a set of slots",
      ({ peek }) => peek.headerWord(Header.TAKEN_SLOTS),
      5,
      /whether slot 2 is held is said in two ways/,
    ],
    ["flags", ({ peek }) => peek.cacheWord(OBJECTS, CacheRecord.FLAGS), 2, /its checksum is that of other words/],
    ["barns", ({ peek }) => peek.headerWord(Header.BARNS), 0x8000, /the barn of kmalloc-16 is not where it belongs/],
  ])("%s", (_, wordOf, value, text) => {
    const patient = new Patient();
    patient.words[wordOf(patient)] = value;
    const problems = checkHeap(patient.busy.heap).findings.map(({ problem }) => problem);
    expect(problems).toContainEqual(expect.stringMatching(text));
  });

  it.each<[string, number]>([
    ["no mark", 1],
    ["a slot that there is not", RunOwner.OWNER_BIT | 0x7f],
    ["a claim", RunOwner.OWNER_BIT | RunOwner.CLAIMED | 1],
    ["a split", RunOwner.OWNER_BIT | RunOwner.SPLIT | 1],
  ])("an owner of a run with %s", (_, owner) => {
    const patient = new Patient();
    const frame = frameOf(patient.busy.pages[1] as number);
    patient.words[patient.peek.frameWord(frame, FrameRecord.SLAB_OR_OWNER)] = owner;
    patient.expectFinding("kmalloc", "who answers for a run is nobody that there is");
  });
});

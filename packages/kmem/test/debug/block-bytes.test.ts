import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overwritesIn, type Stretch, stretchesOf } from "../../src/debug/block-bytes.ts";
import { BlockZones, type ZoneRecord } from "../../src/debug/block-zones.ts";
import { CONSTRUCTED, DebugByte, DebugLetter, RECORD_BYTES } from "../../src/debug/layout.ts";
import type { BlockRecord } from "../../src/debug/record.ts";
import { bareMemory } from "./memory.ts";

const { Z, P, F } = DebugLetter;
/** 1024 … 1040 left zone … 1060 object … 1072 slack of the class … 1088 right zone … 1136 record. */
const block = { address: 1024, bytes: 112 };
const recordStart = 1024 + 112 - RECORD_BYTES;

interface Shape extends ZoneRecord {
  readonly objectBytes: number;
  readonly state: BlockRecord["state"];
}

const shape: Shape = { letters: Z | P, padBytes: 16, sizeBytes: 20, objectBytes: 32, state: "LIVE" };

function zonesOf(changes: Partial<Shape>): BlockZones {
  const record = { ...shape, ...changes };
  return new BlockZones().layOut(block, record, record.state, record.objectBytes);
}

const stretches = (changes: Partial<Shape>): Stretch[] => stretchesOf(zonesOf(changes));
const rows = (changes: Partial<Shape>): (string | number)[][] =>
  stretches(changes).map(({ what, start, end, byte }) => [what, start, end, byte]);

describe("the known bytes of a block", () => {
  it("are red zones around a live object, from the size that was asked for on", () => {
    expect(rows({})).toEqual([
      ["Left Redzone", 1024, 1040, DebugByte.RED_ACTIVE],
      ["kmalloc Redzone", 1060, 1072, DebugByte.RED_ACTIVE],
      ["Right Redzone", 1072, recordStart, DebugByte.RED_ACTIVE],
    ]);
  });

  it("are other red zones and poison in a free one", () => {
    const free = [
      ["Left Redzone", 1024, 1040, DebugByte.RED_INACTIVE],
      ["Poison", 1040, 1059, DebugByte.POISON_FREE],
      ["End Poison", 1059, 1060, DebugByte.POISON_END],
      ["kmalloc Redzone", 1060, 1072, DebugByte.RED_INACTIVE],
      ["Right Redzone", 1072, recordStart, DebugByte.RED_INACTIVE],
    ];
    expect(rows({ state: "FREE" })).toEqual(free);
    expect(rows({ state: "QUARANTINED" })).toEqual(free);
  });

  it("are poison of its own in a block that was never allocated", () => {
    const poison = rows({ state: "FRESH" }).find(([what]) => what === "Poison");
    expect(poison).toEqual(["Poison", 1040, 1059, DebugByte.POISON_INUSE]);
  });

  it("are as the letters say", () => {
    const names = (changes: Partial<Shape>): unknown[] => stretches(changes).map(({ what }) => what);
    expect(names({ letters: F, state: "FREE" })).toEqual([]);
    expect(names({ letters: Z, state: "FREE" })).toEqual(["Left Redzone", "kmalloc Redzone", "Right Redzone"]);
    expect(names({ letters: P, state: "FREE" })).toEqual(["Poison", "End Poison"]);
    expect(names({ letters: P })).toEqual([]);
    expect(names({ state: "FREE", letters: Z | P | CONSTRUCTED })).toEqual([
      "Left Redzone",
      "kmalloc Redzone",
      "Right Redzone",
    ]);
    expect(names({ state: "FREE", sizeBytes: 1, objectBytes: 1 })).toEqual([
      "Left Redzone",
      "End Poison",
      "Right Redzone",
    ]);
    expect(names({ state: "FREE", sizeBytes: 0 })).toEqual(["Left Redzone", "kmalloc Redzone", "Right Redzone"]);
  });

  it("lie in order, apart, and within the block, of whatever size a record speaks", () => {
    const numbers = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(fc.oneof(fc.nat(100), numbers), fc.oneof(fc.nat(100), numbers), (sizeBytes, objectBytes) => {
        let at = block.address;
        for (const { start, end } of stretches({ sizeBytes, objectBytes, state: "FREE" })) {
          expect(start).toBe(at);
          expect(end).toBeGreaterThan(start);
          at = end;
        }
        expect(at).toBe(recordStart);
      }),
    );
  });

  it("are told to the byte where they differ", () => {
    const zones = zonesOf({ state: "FREE" });
    const all = stretchesOf(zones);
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: recordStart - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const memory = bareMemory();
        zones.fill(memory);
        expect(overwritesIn(memory, all)).toEqual([]);
        memory.bytes[at] ^= change;
        const found = memory.bytes[at];
        expect(zones.areWhole(memory)).toBe(false);
        expect(overwritesIn(memory, all)).toEqual([
          expect.objectContaining({ from: at, to: at + 1, found, byte: found ^ change }),
        ]);
      }),
    );
  });

  it("are told from the first to the last that differs, each stretch by itself", () => {
    const memory = bareMemory();
    const zones = zonesOf({ state: "FREE" });
    zones.fill(memory);
    for (const at of [1041, 1050, 1061]) memory.bytes[at] = 0;
    expect(overwritesIn(memory, stretchesOf(zones)).map(({ what, from, to }) => [what, from, to])).toEqual([
      ["Poison", 1041, 1051],
      ["kmalloc Redzone", 1061, 1062],
    ]);
  });

  it("are filled and found whole as the stretches say, of any size and state", () => {
    const states = fc.constantFrom<BlockRecord["state"][]>("LIVE", "FREE", "FRESH");
    const bytes = fc.integer({ min: 48, max: 1200 }).map((count) => count & ~15);
    const letters = fc.constantFrom(0, Z, P, Z | P, Z | P | CONSTRUCTED);
    fc.assert(
      fc.property(
        states,
        letters,
        bytes,
        fc.nat(1300),
        fc.nat(80),
        (state, letter, blockBytes, sizeBytes, padBytes) => {
          const memory = bareMemory();
          const zones = new BlockZones().layOut(
            { address: 1024, bytes: blockBytes },
            { letters: letter, padBytes, sizeBytes },
            state,
            sizeBytes + 7,
          );
          zones.fill(memory);
          expect(zones.areWhole(memory)).toBe(true);
          expect(overwritesIn(memory, stretchesOf(zones))).toEqual([]);
          const known = new Set(stretchesOf(zones).flatMap(({ start, end }) => range(start, end)));
          for (const at of range(1000, 2300)) if (!known.has(at)) expect(memory.bytes[at]).toBe(0);
          for (const at of known) {
            memory.bytes[at] ^= 1;
            if (zones.areWhole(memory)) throw new Error(`byte ${at} is not looked at`);
            memory.bytes[at] ^= 1;
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockState, KIND_SHIFT, RECORD_BYTES, RECORD_WORDS, RecordWord, SLOT_SHIFT } from "../../src/debug/layout.ts";
import { isSound, readRecord, recordWord, seal } from "../../src/debug/record.ts";
import type { LinearMemory } from "../../src/memory/memory.ts";
import { bareMemory } from "./memory.ts";

const block = { address: 512, bytes: 112 };
const word = recordWord(block);

function sealed(): LinearMemory {
  const memory = bareMemory();
  const { words } = memory;
  words[word + RecordWord.STATE] = BlockState.LIVE;
  words[word + RecordWord.SIZE] = 40;
  words[word + RecordWord.PAD] = 16;
  words[word + RecordWord.LETTERS] = 15 | (70 << KIND_SHIFT);
  words[word + RecordWord.ALLOC_STACK] = 0x9000_0000;
  words[word + RecordWord.FREE_STACK] = 0x2000;
  words[word + RecordWord.ALLOC_TIME] = 7;
  words[word + RecordWord.FREE_TIME] = 9;
  words[word + RecordWord.SLOTS] = 3 | (200 << SLOT_SHIFT);
  words[word + RecordWord.SEQUENCE] = -1;
  seal(words, word);
  return memory;
}

describe("a block's record", () => {
  it("ends the block", () => {
    expect(word * 4 + RECORD_BYTES).toBe(block.address + block.bytes);
  });

  it("reads as it was written", () => {
    expect(readRecord(sealed(), word)).toEqual({
      state: "LIVE",
      sizeBytes: 40,
      padBytes: 16,
      letters: 15,
      kind: 70,
      allocStack: 0x9000_0000,
      freeStack: 0x2000,
      allocTimeMs: 7,
      freeTimeMs: 9,
      allocSlot: 3,
      freeSlot: 200,
      sequence: 0xffff_ffff,
    });
  });

  it("is damaged by a change of any one byte", () => {
    fc.assert(
      fc.property(fc.nat(RECORD_WORDS * 4 - 1), fc.integer({ min: 1, max: 255 }), (byte, change) => {
        const memory = sealed();
        memory.bytes[word * 4 + byte] ^= change;
        expect(readRecord(memory, word).state).toBe("damaged");
      }),
    );
  });

  it("is damaged by a change of any one word but its state, which threads exchange", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: RECORD_WORDS - 1 }), fc.integer(), (index, value) => {
        const { words } = sealed();
        fc.pre(words[word + index] !== value);
        words[word + index] = value;
        expect(isSound(words, word)).toBe(false);
      }),
    );
    const memory = sealed();
    memory.words[word + RecordWord.STATE] = BlockState.QUARANTINED;
    expect(readRecord(memory, word).state).toBe("QUARANTINED");
  });

  it("is damaged where there never was one", () => {
    expect(readRecord(bareMemory(), word).state).toBe("damaged");
  });
});

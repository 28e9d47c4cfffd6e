import { describe, expect, it } from "vitest";
import { DRAWER_COUNT, LockWord } from "../../src/cluster/layout.ts";
import { TicketLock } from "../../src/cluster/ticket-lock.ts";
import { LinearMemory } from "../../src/memory/memory.ts";

/** Processors that there are. */
const PROCESSORS = 100;
const KNOWING = { isGone: (owner: number): boolean => owner > PROCESSORS, repair: (): void => {} };

/** Stray words, and whether they are seen to be such by a thread that knows nothing of others. */
const WORDS: readonly (readonly [string, number, number, boolean])[] = [
  // More tickets out than there can be. Of fewer each may be a thread's that is about to take its turn.
  ["CURRENT", LockWord.CURRENT, -0x8000_0000, true],
  ["CURRENT", LockWord.CURRENT, 0x7fff_fff0, true],
  ["CURRENT", LockWord.CURRENT, -2 * DRAWER_COUNT, true],
  ["FREE", LockWord.FREE, -1, true],
  ["FREE", LockWord.FREE, 0x7fff_ffff, true],
  ["FREE", LockWord.FREE, 1000, true],
  // Names are from 1 up.
  ["OWNER", LockWord.OWNER, -7, true],
  ["OWNER", LockWord.OWNER, -0x8000_0000, true],
  ["DRAWING", LockWord.DRAWING, -0x8000_0000, true],
  ["DRAWING", LockWord.DRAWING, -1, false],
  ["DRAWING", LockWord.DRAWING, 65_535, false],
];

describe("the queuing lock with a stray word", () => {
  it.each(WORDS)("in %s (%d) that says %d lets everybody in, one after the other", (_, field, value, isSeen) => {
    for (const recovery of isSeen ? [undefined, KNOWING] : [KNOWING]) {
      const memory = new LinearMemory(new SharedArrayBuffer(1024));
      const lock = new TicketLock(memory, 0, recovery);
      lock.acquire(5);
      lock.release();
      memory.words[field] = value;
      for (let round = 0; round < 3 * DRAWER_COUNT; round++) {
        lock.acquire(6);
        expect(lock.owner).toBe(6);
        lock.release();
      }
      expect(lock.isHeld).toBe(false);
    }
  });
});

import { describe, expect, it } from "vitest";
import {
  AMOUNT,
  arrayStart,
  createShared,
  EXCHANGE,
  EXCHANGE_SLOTS,
  FINISHED,
  IS_LAST,
  LANES_MAX,
  LARSON_BLOCKS,
  objectWord,
  PHASE,
  resetShared,
  ringStart,
  turnWord,
} from "../../../src/threads/work/shared-state.ts";

const lanes = Array.from({ length: LANES_MAX }, (_, lane) => lane);

describe("what threads share", () => {
  it("has a place for everything, and no word twice", () => {
    const parts = [
      ...[PHASE, AMOUNT, IS_LAST, FINISHED].map((word) => [word, 1]),
      ...lanes.flatMap((lane) => [
        [turnWord(lane), 1],
        [objectWord(lane), 1],
        [arrayStart(lane), LARSON_BLOCKS],
      ]),
      [EXCHANGE, EXCHANGE_SLOTS],
      [ringStart(0), ringStart(LANES_MAX) - ringStart(0)],
    ].toSorted(([a], [b]) => a! - b!);
    for (const [index, [start, length]] of parts.slice(0, -1).entries()) {
      expect(start! + length!).toBeLessThanOrEqual(parts[index + 1]![0]!);
    }
    expect(createShared(LANES_MAX).length).toBe(ringStart(LANES_MAX));
  });

  it("forgets between phases what belongs to one, and keeps what counts them", () => {
    const shared = createShared(2).fill(7);
    resetShared(shared);
    const kept = [PHASE, AMOUNT, IS_LAST, ...lanes.map(turnWord)];
    expect(kept.map((word) => shared[word])).toEqual(kept.map(() => 7));
    expect(shared.subarray(FINISHED).every((word) => word === 0)).toBe(true);
  });
});

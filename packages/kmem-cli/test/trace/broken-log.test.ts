import { describe, expect, it } from "vitest";
import { BrokenLog, DEFAULT_BROKEN_EXAMPLE_COUNT } from "../../src/trace/broken-log.ts";

describe("BrokenLog", () => {
  it("counts all and keeps the first in detail", () => {
    const log = new BrokenLog(2);
    log.add(3, "odd", () => "three");
    log.add(5, "odd", () => "five");
    log.add(6, "even", () => "six");
    expect(log.report()).toEqual({
      count: 3,
      countByReason: { odd: 2, even: 1 },
      first: [
        { position: 3, reason: "odd", text: "three" },
        { position: 5, reason: "odd", text: "five" },
      ],
    });
  });

  it("makes no text that nobody keeps", () => {
    const log = new BrokenLog();
    let madeCount = 0;
    for (let i = 0; i < 100; i += 1) {
      log.add(i, "why", () => {
        madeCount += 1;
        return "";
      });
    }
    expect(madeCount).toBe(DEFAULT_BROKEN_EXAMPLE_COUNT);
    expect(log.report().count).toBe(100);
  });

  it("reports a copy", () => {
    const log = new BrokenLog();
    const before = log.report();
    log.add(1, "late", () => "");
    expect(before).toEqual({ count: 0, countByReason: {}, first: [] });
  });
});

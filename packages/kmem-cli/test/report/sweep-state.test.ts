import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SweepState } from "../../src/report/sweep-state.ts";
import { withTempDir } from "../trace/support.ts";

const point = (value: number) => ({ values: [value], trace: "t", kind: "blocks", failureCount: value }) as const;

describe("the state of a sweep", () => {
  it("has what was done when it was interrupted, whatever was being written then", async () => {
    await withTempDir((folder) => {
      const path = join(folder, "state");
      const first = new SweepState(path, "key");
      first.add("a", point(1));
      first.add("b", point(2));
      appendFileSync(path, '["c",{"values":[3');
      const second = new SweepState(path, "key");
      expect([second.doneCount, second.find("a"), second.find("b"), second.find("c")]).toEqual([
        2,
        point(1),
        point(2),
        undefined,
      ]);
      second.add("c", point(3));
      expect(new SweepState(path, "key").doneCount).toBe(3);
      expect(readFileSync(path, "utf8").split("\n")).toHaveLength(5);
    });
  });

  it("is of one sweep", async () => {
    await withTempDir((folder) => {
      const path = join(folder, "state");
      new SweepState(path, "key").add("a", point(1));
      expect(() => new SweepState(path, "other")).toThrow(/it is no state of this sweep/);
      expect(new SweepState(path, "key").doneCount).toBe(1);
    });
  });

  it("needs no file", () => {
    const state = new SweepState(undefined, "key");
    state.add("a", point(1));
    expect(state.find("a")).toEqual(point(1));
  });
});

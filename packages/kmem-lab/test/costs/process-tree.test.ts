import { expect, it } from "vitest";
import { ProcessTree } from "../../src/costs/process-tree.ts";

it.skipIf(process.platform !== "linux")("knows the peak of a process, and that one which is gone has none", () => {
  const own = new ProcessTree(process.pid);
  own.look();
  expect(own.peakMib).toBeGreaterThanOrEqual(process.memoryUsage().rss / 2 ** 20 / 2);
  const none = new ProcessTree(2 ** 30);
  none.look();
  expect(none.peakMib).toBe(0);
});

import { describe, expect, it } from "vitest";
import { createHeap } from "../../src/contenders/kmem.ts";

const MIB = 2 ** 20;

describe("the heap of kmem for a replay", () => {
  it("has four times what is live at most, rounded up, and 64 MiB at least", () => {
    expect(createHeap({ peakLiveBytes: 0 }).buffer.byteLength).toBe(64 * MIB);
    expect(createHeap({ peakLiveBytes: 16 * MIB }).buffer.byteLength).toBe(64 * MIB);
    expect(createHeap({ peakLiveBytes: 16 * MIB + 1 }).buffer.byteLength).toBe(65 * MIB);
  });

  it("lies in shared memory", () => {
    expect(createHeap({ peakLiveBytes: 0 }).buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

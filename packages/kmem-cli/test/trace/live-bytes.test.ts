import { describe, expect, it } from "vitest";
import { LiveBytes } from "../../src/trace/live-bytes.ts";

describe("LiveBytes", () => {
  it("keeps the peaks of bytes and of blocks apart", () => {
    const live = new LiveBytes();
    live.addBlock(1000);
    live.removeBlock(1000);
    live.addBlock(1);
    live.addBlock(2);
    expect(live).toMatchObject({ liveBytes: 3, liveBlockCount: 2, peakLiveBytes: 1000, peakLiveBlockCount: 2 });
    expect(live.requestedBytes).toBe(1003);
  });

  it("asks for the whole new size when a block is resized", () => {
    const live = new LiveBytes();
    live.addBlock(10);
    live.resizeBlock(10, 30);
    live.resizeBlock(30, 5);
    expect(live).toMatchObject({ liveBytes: 5, liveBlockCount: 1, peakLiveBytes: 30, requestedBytes: 45 });
  });

  it("keeps the block when a part of it goes", () => {
    const live = new LiveBytes();
    live.addBlock(10);
    live.shrinkBlock(4);
    expect(live).toMatchObject({ liveBytes: 6, liveBlockCount: 1 });
    live.removeBlock(6);
    expect(live).toMatchObject({ liveBytes: 0, liveBlockCount: 0 });
  });
});

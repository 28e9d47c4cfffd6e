import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { gzipped, pprofBytes } from "../../src/profile/index.ts";
import { SMALL } from "./profiles.ts";

const GZIP_MAGIC = [0x1f, 0x8b];

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("compressed bytes", () => {
  it.each([
    ["a profile", pprofBytes(SMALL)],
    ["nothing", new Uint8Array()],
    ["a megabyte", new Uint8Array(1 << 20).map((_, index) => index * index)],
  ])("are what a gzip reader makes %s of again", async (_what, bytes) => {
    const compressed = await gzipped(bytes);
    expect([...compressed.subarray(0, 2)]).toEqual(GZIP_MAGIC);
    expect(gunzipSync(compressed).equals(bytes)).toBe(true);
  });

  it("are refused by an engine that cannot compress", async () => {
    vi.stubGlobal("CompressionStream", undefined);
    const refusal = expect.objectContaining({ name: "KmemError", code: "BAD_ARGUMENT" });
    await expect(gzipped(new Uint8Array(1))).rejects.toThrow(refusal);
  });
});

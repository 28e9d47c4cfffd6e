import { describe, expect, it } from "vitest";
import { allocString, Heap, heapStats, readString } from "../../src/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

describe("a string in a heap", () => {
  const heap = Heap.create({ sizeBytes: MIB });

  it.each(["", "plain", "naïve €5 😀", "with \0 in it", "x".repeat(100_000)])("is UTF-8 with a 0 after it", (text) => {
    const dirty = heap.alloc(200_000);
    heap.u8(dirty).fill(0xff);
    heap.free(dirty);
    const address = allocString(heap, text);
    const bytes = new TextEncoder().encode(text);
    expect(Buffer.from(heap.u8(address, bytes.length + 1)).equals(Buffer.from([...bytes, 0]))).toBe(true);
    expect(readString(heap, address, bytes.length)).toBe(text);
    expect(readString(heap, address)).toBe(text.split("\0")[0]);
    heap.free(address);
  });

  it("is read from the midst of a block, and to the end of one that has no 0", () => {
    const address = heap.alloc(16);
    heap.u8(address).fill(0x61);
    expect(readString(heap, address)).toBe("a".repeat(heap.usableSize(address)));
    expect(readString(heap, address + 5, 3)).toBe("aaa");
    heap.free(address);
  });

  it("is refused where there is none, and nothing is allocated", () => {
    const { liveBlocks } = heapStats(heap);
    const address = allocString(heap, "four");
    for (const text of [4, null, undefined, ["a"]]) {
      expect(thrownBy(() => allocString(heap, text as never)).code).toBe("BAD_ARGUMENT");
    }
    expect(thrownBy(() => readString(heap, address, 10_000)).code).toBe("INVALID_ADDRESS");
    expect(thrownBy(() => readString(heap, address, -1)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => readString(heap, 16)).code).toBe("INVALID_ADDRESS");
    expect(thrownBy(() => allocString(heap, "x".repeat(2 * MIB))).code).toBe("OUT_OF_MEMORY");
    heap.free(address);
    expect(heapStats(heap).liveBlocks).toBe(liveBlocks);
  });
});

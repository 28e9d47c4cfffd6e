import { describe, expect, it, vi } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap } from "../../src/index.ts";
import { wasmMemoryOf } from "../../src/memory/buffer-owner.ts";
import { newBuffer } from "../../src/memory/new-memory.ts";
import { MIB } from "../support/memories.ts";

describe("a new shared buffer", () => {
  it("is that of a WebAssembly memory, by which calloc and realloc are done in WebAssembly", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    expect(heap.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(heap.memoryKind).toBe("SharedArrayBuffer");
    expect(wasmMemoryOf(heap.buffer)?.buffer).toBe(heap.buffer);
    const { bulk } = layersOf(heap).memory;
    expect(bulk).toBeDefined();
    const block = heap.alloc(5000);
    heap.u8(block).fill(7);
    heap.free(block);
    expect(heap.u8(heap.calloc(1, 5000), 5000).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ["of less than 1 MiB", MIB - 65_536, true],
    ["of no whole pages of WebAssembly", MIB + 4096, true],
    ["that is not shared, and could be transferred", 2 * MIB, false],
  ])("is the engine's own %s", (_what, sizeBytes, shared) => {
    const buffer = newBuffer(sizeBytes, shared);
    expect(buffer.byteLength).toBe(sizeBytes);
    expect(wasmMemoryOf(buffer)).toBeUndefined();
  });

  it("is the engine's own where it has no more memories of WebAssembly", () => {
    vi.stubGlobal("WebAssembly", {
      Memory: class {
        constructor() {
          throw new RangeError("could not allocate memory");
        }
      },
    });
    try {
      expect(wasmMemoryOf(newBuffer(MIB, true))).toBeUndefined();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

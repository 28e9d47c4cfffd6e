import type { LinearMemory } from "../../src/memory/memory.ts";

/** Memory without a heap, for what only reads and writes bytes. */
export function bareMemory(byteLength = 4096): LinearMemory {
  const buffer = new ArrayBuffer(byteLength);
  const memory = { bytes: new Uint8Array(buffer), words: new Int32Array(buffer), buffer, byteLength };
  return memory as unknown as LinearMemory;
}

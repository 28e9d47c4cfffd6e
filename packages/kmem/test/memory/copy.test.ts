import { expect, it } from "vitest";
import { copyBytes } from "../../src/memory/copy.ts";
import { LinearMemory } from "../../src/memory/memory.ts";

const SOURCE = 1024;
const TARGET = 4096;

// On both sides of the length from which the engine's own copy is called.
it.each([1, 3, 4, 15, 16, 100, 255, 256, 257, 300, 1000])(
  "copies %i bytes, and no more than whole words",
  (sizeBytes) => {
    const memory = new LinearMemory(new SharedArrayBuffer(8192));
    const { bytes } = memory;
    for (let index = 0; index < bytes.length; index++) bytes[index] = 1 + (index % 251);
    const before = bytes.slice();
    copyBytes(memory, TARGET, SOURCE, sizeBytes);
    expect(bytes.slice(TARGET, TARGET + sizeBytes)).toEqual(before.slice(SOURCE, SOURCE + sizeBytes));
    const end = TARGET + Math.ceil(sizeBytes / 4) * 4;
    expect(bytes.slice(end)).toEqual(before.slice(end));
    expect(bytes.slice(0, TARGET)).toEqual(before.slice(0, TARGET));
  },
);

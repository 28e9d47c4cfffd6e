import { describe, expect, it } from "vitest";
import { hexDump } from "../../src/debug/hex-dump.ts";
import { bareMemory } from "./memory.ts";

describe("a hex dump", () => {
  it("shows rows of 16 bytes with their addresses and their ASCII", () => {
    const memory = bareMemory();
    memory.bytes.set(new TextEncoder().encode(" kmem ~\x7f\n\xff0123456789"), 256);
    expect(hexDump(memory, [{ label: "Object", start: 256, end: 276 }])).toEqual([
      "Object   00000100: 20 6b 6d 65 6d 20 7e 7f 0a c3 bf 30 31 32 33 34   kmem ~....01234",
      "Object   00000110: 35 36 37 38                                      5678",
    ]);
  });

  it("marks bytes below their row", () => {
    const marked = { from: 270, to: 274 };
    expect(hexDump(bareMemory(), [{ label: "Redzone", start: 256, end: 288 }], marked)).toEqual([
      "Redzone  00000100: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................",
      "                                                             ^^ ^^",
      "Redzone  00000110: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................",
      "                   ^^ ^^",
    ]);
  });

  it("leaves out rows that say the same, but not the last nor those with a mark", () => {
    const rows = hexDump(bareMemory(), [{ label: "Object", start: 0, end: 112 }], { from: 64, to: 65 });
    expect(rows.map((row) => row.slice(0, 17))).toEqual([
      "Object   00000000",
      "*",
      "Object   00000040",
      "                 ",
      "*",
      "Object   00000060",
    ]);
  });

  it("begins each section anew, and shows nothing of an empty one", () => {
    const rows = hexDump(bareMemory(), [
      { label: "Redzone", start: 0, end: 16 },
      { label: "Object", start: 16, end: 16 },
      { label: "Padding", start: 16, end: 32 },
    ]);
    expect(rows.map((row) => row.slice(0, 17))).toEqual(["Redzone  00000000", "Padding  00000010"]);
  });
});

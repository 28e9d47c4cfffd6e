import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DebugLetters, lettersText } from "../../src/debug/debug-letters.ts";
import { DEFAULT_LETTERS, DebugLetter } from "../../src/debug/layout.ts";
import { thrownBy } from "../support/expectations.ts";
import { Bench } from "./bench.ts";

const textFor = (text: string, cache: string): string => lettersText(DebugLetters.parse(text).of(cache));

describe("the letters of a debugged heap", () => {
  it.each([
    ["", "kmalloc-64", "FZPU"],
    ["F", "kmalloc-64", "F"],
    ["fzp", "kmalloc-64", "FZP"],
    ["ZFZF", "kmalloc-64", "FZ"],
    ["FZPUTA", "kmalloc-64", "FZPUTA"],
    ["-", "kmalloc-64", ""],
    ["O", "kmalloc-64", ""],
    ["Z,kmalloc-64", "kmalloc-64", "Z"],
    ["Z,kmalloc-64", "kmalloc-96", ""],
    [",kmalloc-64", "kmalloc-64", "FZPU"],
    ["Z,kmalloc-*", "kmalloc-96", "Z"],
    ["Z,*-96", "kmalloc-96", "Z"],
    ["Z,k*c-9*", "kmalloc-96", "Z"],
    ["Z,k*c-9*", "kmalloc-192", ""],
    ["Z,inode,dentry", "dentry", "Z"],
    ["FZ;P,inode", "inode", "P"],
    ["FZ;P,inode", "dentry", "FZ"],
    ["P,inode;FZ", "inode", "P"],
    ["P,inode;FZ", "dentry", "FZ"],
    ["P,i*;Z,inode", "inode", "P"],
    ["F;Z", "inode", "Z"],
    ["F;-,inode", "inode", ""],
    ["Z,", "inode", "Z"],
  ])("reads %j for %s as %j", (text, cache, letters) => {
    expect(textFor(text, cache)).toBe(letters);
  });

  it("takes the characters of patterns as they are, but for the star", () => {
    expect(textFor("Z,a.c", "abc")).toBe("");
    expect(textFor("Z,a.c", "a.c")).toBe("Z");
    expect(textFor("Z,size-32(DMA)", "size-32(DMA)")).toBe("Z");
    expect(textFor("Z,[a]+$", "a")).toBe("");
  });

  it("names letters that there are not, and goes on", () => {
    const letters = DebugLetters.parse("ZQ;!P,inode");
    expect(letters.unknown).toEqual(["q", "!"]);
    expect(lettersText(letters.of("inode"))).toBe("P");
    expect(lettersText(letters.of("other"))).toBe("Z");
  });

  it("refuses what is no text", () => {
    for (const text of [undefined, null, 7, {}]) {
      expect(thrownBy(() => DebugLetters.parse(text as unknown as string)).code).toBe("BAD_ARGUMENT");
    }
  });

  it("writes letters as they are read", () => {
    const all = Object.values(DebugLetter).reduce((sum, bit) => sum | bit, 0);
    expect(DebugLetters.parse("").of("x")).toBe(DEFAULT_LETTERS);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: all }), (letters) => {
        expect(DebugLetters.parse(lettersText(letters)).of("x")).toBe(letters);
        expect(DebugLetters.parse(`-;${lettersText(letters)},x`).of("x")).toBe(letters);
      }),
    );
  });

  it("never throws for a text, and gives no cache a letter that is not in it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, cache) => {
        const letters = lettersText(DebugLetters.parse(text).of(cache));
        const asked = `${text.toUpperCase()}FZPU`;
        for (const letter of letters) expect(asked).toContain(letter);
      }),
    );
  });

  it("says so where a heap is made with letters that there are not", () => {
    expect(new Bench({ debug: "FZX" }).printed).toEqual(["slab_debug option 'x' unknown. skipped"]);
  });
});

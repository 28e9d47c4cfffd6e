import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as flags from "../../src/gfp/flags.ts";
import { gfpText } from "../../src/gfp/text.ts";

const { __GFP_ZERO, __GFP_WAIT, GFP_ATOMIC, GFP_BUFFER, GFP_DMA, GFP_HIGHUSER, GFP_KERNEL, GFP_NOFAIL } = flags;

describe("a gfp_mask in words", () => {
  it.each([
    [0, "none"],
    [GFP_KERNEL, "GFP_KERNEL"],
    [GFP_KERNEL | __GFP_ZERO, "GFP_KERNEL|__GFP_ZERO"],
    [GFP_KERNEL | GFP_DMA, "GFP_KERNEL|GFP_DMA"],
    [flags.GFP_USER, "GFP_USER"],
    [GFP_HIGHUSER, "GFP_HIGHUSER"],
    [GFP_BUFFER, "GFP_BUFFER"],
    [GFP_ATOMIC, "GFP_ATOMIC"],
    [flags.GFP_NOWAIT, "GFP_NOWAIT"],
    [GFP_NOFAIL, "GFP_KERNEL|__GFP_NOFAIL"],
    [__GFP_WAIT | flags.__GFP_NORETRY | flags.__GFP_THISNODE, "__GFP_WAIT|__GFP_NORETRY|__GFP_THISNODE"],
    [0x8000_0020, "0x80000020"],
    [GFP_ATOMIC | 0x100, "GFP_ATOMIC|0x100"],
  ])("has for %d what the kernel would print", (mask, text) => {
    expect(gfpText(mask)).toBe(text);
  });

  it("says every flag, whatever the combination", () => {
    const values = new Map<string, number>([...Object.entries(flags), ["none", 0]] as [string, number][]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (mask) => {
        const words = gfpText(mask).split("|");
        const sum = words.reduce((all, word) => all | (values.get(word) ?? Number(word)), 0) >>> 0;
        expect(sum).toBe(mask);
        expect(new Set(words).size).toBe(words.length);
      }),
    );
  });
});

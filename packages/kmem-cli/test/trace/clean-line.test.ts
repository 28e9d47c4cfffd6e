import { describe, expect, it } from "vitest";
import { cleanLine, GOES_ON } from "../../src/trace/clean-line.ts";

describe("cleanLine", () => {
  it.each([
    ["plain text=1", "plain text=1"],
    ["  indented", "  indented"],
    ["\x1b[01;31m\x1b[Kred\x1b[m\x1b[K \x1b]8;;http://x\x07link\x1b]8;;\x07", "red link"],
    ["^[[31mred^[[0m", "red"],
    ["a\tb\xa0c\xc2\xa0d", "a b c d"],
    ["\xef\xbb\xbfa\tb", "a b"],
    ["> a", "a"],
    [">> > | a", "a"],
    ["JD> a", "a"],
    [">     a", "    a"],
    ["[   12.345678] a", "a"],
    ["<6>[   12.345678][  T171]   a", "  a"],
    ["Nov 29 10:29:01 host kernel: [   12.345678] a", "a"],
    ["2024-11-29T10:29:01.123456+00:00 host kernel: a", "a"],
    ["&lt;idle&gt;-0 &amp;amp; &quot;&#39;&#x41;&nbsp;&#1;", "<idle>-0 &amp; \"'A"],
    ["<pre>a</pre><br>", "a"],
    ["a=3D1 b=3D2=20", "a=1 b=2"],
    ["ptr=3D3f", "ptr=3f"],
    ["ends */", "ends"],
    ["gfp_flags=GFP_A|GFP_B <idle>-0", "gfp_flags=GFP_A|GFP_B <idle>-0"],
  ])("%j is %j", (raw, text) => {
    expect(cleanLine(raw)).toEqual({ text, goesOn: GOES_ON.NO });
  });

  it.each([
    ["a b \\", "a b", GOES_ON.AT_BLANK],
    ["a b\\", "a b", GOES_ON.IN_WORD],
    ["> a b \\  ", "a b", GOES_ON.AT_BLANK],
    ["a=3Db=", "a=3Db", GOES_ON.SOFTLY],
    ["> soft=", "> soft", GOES_ON.SOFTLY],
    ["call_site=f gfp_flags=", "call_site=f gfp_flags=", GOES_ON.NO],
  ])("%j goes on", (raw, text, goesOn) => {
    expect(cleanLine(raw)).toEqual({ text, goesOn });
  });
});

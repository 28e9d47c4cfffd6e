import { describe, expect, it } from "vitest";
import { cutsNumber, endsInNeededValue, glueOf, isTail } from "../../src/trace/wrapped-text.ts";

describe("wrapped text", () => {
  it.each(["a ptr=0xffff8881", "ptr=00000000", "ptr=0x", "x pfn=12", "bytes_req=1", "bytes_alloc=9", "order=1"])(
    "%s ends in a value that matters",
    (text) => expect(endsInNeededValue(text)).toBe(true),
  );

  it.each(["call_site=ffff8881", "node=1", "ptr=", "ptr=0xffff8881 ", "ptr=(nil)", "xptr=1", "gfp_flags=0xcc0"])(
    "%s does not",
    (text) => expect(endsInNeededValue(text)).toBe(false),
  );

  it.each(["01aee200", "a4f order=1", "xffff888101aee200", "0 (72) bytes_alloc=8", "fff888 name", "1"])(
    "%s goes on with a number",
    (text) => expect(cutsNumber(text, false, false)).toBe(true),
  );

  it.each(["bytes_alloc=128", "", "zz", "ffffffff8123abcd alpha+0x1 ([kernel])", "(72) order=1", "12345678901234567"])(
    "%s does not",
    (text) => expect(cutsNumber(text, false, false)).toBe(false),
  );

  it("takes an address below a whole event for a call chain", () => {
    expect(cutsNumber("c104deff", true, true)).toBe(false);
    expect(cutsNumber("c104deff", true, false)).toBe(true);
    expect(cutsNumber("c104deff", false, true)).toBe(true);
  });

  it.each([
    ["a bytes_al", "loc=128 x", ""],
    ["a kmem:kmem_cache_al", "loc: call_site=f", ""],
    ["a ptr=", "00000000", ""],
    ["a ptr", "=00000000", ""],
    ["a call_site=f", "ptr=1", " "],
    ["a call_site=alpha_op", "en+0x1 ptr=1", " "],
    ["a kmem:kfree:", "ptr=1", " "],
    ["a kfree:", "ffffffff8123abcd f+0x1", " "],
    ["a", "", " "],
  ])("between %j and %j stands %j", (text, next, glue) => {
    expect(glueOf(text, next)).toBe(glue);
  });

  it.each([
    "  node=-1 accounted=false",
    "KERNEL node=-1",
    "(72) order=1",
    "+0x1/0x20",
    "[ext4]",
    "__GFP_ZERO",
    "false",
    "*/",
  ])("%s may be the rest of an event", (text) => expect(isTail(text)).toBe(true));

  it.each(["", "Thanks!", "a=b", "falsehood", "mm_id=1"])("%s is not", (text) => expect(isTail(text)).toBe(false));
});

import { describe, expect, it } from "vitest";
import { classifyShape } from "../../src/trace/classify-text.ts";
import { LINE } from "../../src/trace/kernel-line.ts";

describe("classifyShape", () => {
  it.each([
    ["Dumping ftrace buffer:", LINE.HEADER],
    ["   (ftrace buffer empty)", LINE.HEADER],
    ["---------------------------------", LINE.HEADER],
    ["Attaching 2 probes...", LINE.HEADER],
    ["   0.123 us    |    beta_put();", LINE.GRAPH],
    ["               |  alpha_open() {", LINE.GRAPH],
    ["   4.567 us    |  } /* alpha_open */", LINE.GRAPH],
    [" 0)    sshd-1755  =>  rcu_pre-9  ".trimEnd(), LINE.GRAPH],
    ["  memory.c:1234", LINE.STACK],
    ["  ffffffff8123 alpha (inlined)", LINE.STACK],
    ["  4011a2", LINE.STACK],
    ["-- ", LINE.UNKNOWN],
    ["Hello, world", LINE.UNKNOWN],
    ["", LINE.UNKNOWN],
  ])("%j below an event", (text, kind) => {
    expect(classifyShape(text, LINE.KMEM_EVENT)).toBe(kind);
  });

  it.each(["  memory.c:1234", "  ffffffff8123 alpha (inlined)", "  4011a2"])(
    "knows call chains where one is: %j",
    (text) => {
      expect(classifyShape(text, LINE.STACK)).toBe(LINE.STACK);
      expect(classifyShape(text, LINE.OTHER_EVENT)).toBe(LINE.STACK);
      for (const before of [LINE.BLANK, LINE.COMMENT, LINE.UNKNOWN, LINE.GRAPH]) {
        expect(classifyShape(text, before)).toBe(LINE.UNKNOWN);
      }
    },
  );
});

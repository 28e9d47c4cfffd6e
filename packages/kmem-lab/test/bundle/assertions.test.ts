import { describe, expect, it } from "vitest";
import { withoutAssertions } from "../../src/bundle/without-assertions.ts";

describe("the code without assertions", () => {
  it("is what stands around them, line by line", () => {
    const code = [
      'import { ASSERTIONS, assert } from "./assert.ts";',
      'import { a, b } from "./a.ts";',
      "class Heap {",
      "  give(page) {",
      "    if (ASSERTIONS) assert(page > 0 && b(page), `page is one`);",
      "    if (ASSERTIONS && page > 5) {",
      "      this.#assertFree(page);",
      "    }",
      "    a(page);",
      "  }",
      "  #assertFree(page) {",
      "    assert(b(page), 'it is free');",
      "  }",
      "}",
    ];
    const left = [
      "",
      'import { a } from "./a.ts";',
      "class Heap {",
      "  give(page) {",
      "    ",
      "    ",
      "",
      "",
      "    a(page);",
      "  }",
      "  ",
      "",
      "",
      "}",
    ];
    expect(withoutAssertions(code.join("\n")).split("\n")).toEqual(left);
  });

  it("is the code where there are none", () => {
    const code = 'import { a } from "./a.ts";\nif (a) throw new Error("assertion");\n';
    expect(withoutAssertions(code)).toBe(code);
  });

  it("is refused where the switch is used otherwise", () => {
    expect(() => withoutAssertions("const x = ASSERTIONS ? 1 : 2;")).toThrow("something else than an assertion");
    expect(() => withoutAssertions("if (ASSERTIONS) a(); else b();")).toThrow("an assertion has an else");
  });
});

import { describe, expect, it } from "vitest";
import { withConstantBindings } from "../../src/bundle/constant-bindings.ts";

describe("variables of a bundled module", () => {
  it("are constant where nothing is assigned to them again", () => {
    expect(withConstantBindings("var a = 1, B = class {};\nvar c = a << 2;\nexport { B, c };\n")).toBe(
      "const a = 1, B = class {};\nconst c = a << 2;\nexport { B, c };\n",
    );
    expect(withConstantBindings("var { add, load: read } = Atomics;\n")).toBe("const { add, load: read } = Atomics;\n");
  });

  it.each([
    ["assigned later", "var a = 1;\nfunction f() { a = 2; }\n"],
    ["counted", "var a = 1;\nfunction f() { return a++; }\n"],
    ["taken apart into", "var a = 1;\nfunction f() { [a] = [2]; }\n"],
    ["a loop's", "var a = 1;\nfunction f() { for (a of [2]); }\n"],
    ["without a value", "var a;\n"],
    ["of a function", "function f() { var a = 1; return a; }\n"],
  ])("stay variables that are %s", (_name, text) => {
    expect(withConstantBindings(text)).toBe(text);
  });
});

import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { MINIFIED, subPaths } from "../../src/bundle/sizes.ts";
import { publishedSources, withoutAssertions } from "../../src/bundle/without-assertions.ts";

describe("what is published", () => {
  it("has no assertions in it, nor what they say", async () => {
    const { outputFiles } = await build({
      ...MINIFIED,
      entryPoints: [...subPaths().values()],
      absWorkingDir: new URL("../../../kmem", import.meta.url).pathname,
      outdir: "dist-bundle",
      plugins: [publishedSources],
      write: false,
    });
    for (const { text } of outputFiles) {
      expect(text).not.toMatch(/KMEM_ASSERTIONS|KmemAssertionError|broken invariant|expected that/);
      expect(text).not.toMatch(/lock at word|#?assert[A-Z]/);
    }
    expect(outputFiles.length).toBe(subPaths().size);
  });
});

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

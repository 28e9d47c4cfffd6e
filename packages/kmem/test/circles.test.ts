import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packagesRoot, readSourceFiles } from "./source-files.ts";
import { importCircles } from "./support/layer-order.ts";

describe("the imports of the library", () => {
  it("lead in no circle from file to file", () => {
    expect(importCircles(readSourceFiles(join(packagesRoot, "kmem", "src")))).toEqual([]);
  });
});

describe("the search for circles", () => {
  const file = (path: string, ...imported: string[]): { path: string; text: string } => ({
    path,
    text: imported.map((name) => `import { x } from "${name}";`).join("\n"),
  });

  it("finds two files that import each other, also for a type alone", () => {
    const back = { path: "a/two.ts", text: 'import type { One } from "./one.ts";' };
    expect(importCircles([file("a/one.ts", "./two.ts"), back])).toEqual(["a/one.ts ⇄ a/two.ts"]);
  });

  it("finds a way around through other folders, once", () => {
    const files = [
      file("a/one.ts", "../b/two.ts"),
      file("b/two.ts", "../c/three.ts"),
      file("c/three.ts", "../a/one.ts"),
    ];
    expect(importCircles([...files, file("d/apart.ts", "../a/one.ts")])).toEqual(["a/one.ts ⇄ b/two.ts ⇄ c/three.ts"]);
  });

  it("finds a file that imports itself", () => {
    expect(importCircles([file("a/one.ts", "./one.ts")])).toEqual(["a/one.ts"]);
  });

  it("finds none where two ways lead to one file", () => {
    const files = [file("top.ts", "./left.ts", "./right.ts"), file("left.ts", "./ground.ts")];
    expect(importCircles([...files, file("right.ts", "./ground.ts"), file("ground.ts")])).toEqual([]);
  });
});

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { libraryOrder } from "./layers.ts";
import { packagesRoot, readSourceFiles } from "./source-files.ts";
import { importsOf, layerFaults, orderFaults } from "./support/layer-order.ts";

const files = readSourceFiles(join(packagesRoot, "kmem", "src"));

describe("the layer order of the library", () => {
  it("sees the sources", () => {
    expect(files.map((file) => file.path)).toContain("index.ts");
  });

  it("is kept by every file", () => {
    expect(layerFaults(files, libraryOrder)).toEqual([]);
  });

  it("has no circle, and no folder without files", () => {
    expect(orderFaults(libraryOrder, files)).toEqual([]);
  });
});

describe("the checker of the layer order", () => {
  it.each([
    ["a node: import", "slab/slab.ts", 'import { readFileSync } from "node:fs";', "outside Node"],
    ["a package", "heap/heap.ts", 'import pc from "picocolors";', "no package"],
    ["the library by its own name", "heap/heap.ts", 'import { Heap } from "kmem";', "no package"],
    ["an import without .ts", "slab/slab.ts", 'import { tags } from "./tags.js";', "names its .ts file"],
    ["a folder above", "pages/buddy.ts", 'import { Slab } from "../slab/slab.ts";', "slab does not stand below pages"],
    ["a folder beside", "bucket/bucket.ts", 'import { Slab } from "../slab/slab.ts";', "does not stand below bucket"],
    ["the heap", "kmalloc/kmalloc.ts", 'import type { Heap } from "../heap/heap.ts";', "not stand below kmalloc"],
    ["the package", "heap/heap.ts", 'import type { Heap } from "../index.ts";', "index.ts does not stand below heap"],
    ["a kernel beside", "kernels/linux/gfp.ts", 'import { giet } from "../giet/giet.ts";', "giet does not stand below"],
    ["an export from above", "memory/memory.ts", 'export * from "../sync/lock.ts";', "does not stand below memory"],
    ["an import for its effect", "memory/memory.ts", 'import "../sync/lock.ts";', "does not stand below memory"],
    ["a dynamic import", "memory/memory.ts", 'await import("../sync/lock.ts");', "does not stand below memory"],
    ["a type import", "memory/memory.ts", 'let lock: import("../sync/lock.ts").Lock;', "does not stand below memory"],
    ["a computed import", "memory/memory.ts", "await import(name);", "no package"],
    ["a way out of src", "index.ts", 'import { x } from "../test/x.ts";', "leads out of src"],
    ["an unknown folder", "helpers/misc.ts", "export const x = 1;", "no place in the layer order"],
    ["a loose file", "heap.ts", "export const x = 1;", "no place in the layer order"],
    ["many lines", "pages/buddy.ts", 'import {\n  Slab,\n  type Tag,\n} from "../slab/slab.ts";', "below pages"],
  ])("refuses %s", (_what, path, text, reason) => {
    expect(layerFaults([{ path, text }], libraryOrder)).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    ["its own folder", "slab/slab.ts", 'import { tags } from "./tags.ts";'],
    ["a folder below", "slab/slab.ts", 'import { Memory } from "../memory/memory.ts";'],
    ["what lies below, in a file of src", "index.ts", 'import { Heap } from "./heap/heap.ts";'],
    ["the folder around it", "kernels/linux/linux.ts", 'import { LogRing } from "../console.ts";'],
    ["what a comment says", "slab/slab.ts", '/** import { Heap } from "kmem"; */\n// await import("node:fs")\n'],
  ])("allows %s", (_what, path, text) => {
    expect(layerFaults([{ path, text }], libraryOrder)).toEqual([]);
  });

  it("finds every form of import once", () => {
    const text = `import a from "./a.ts"; import "./b.ts"; export { c } from './c.ts'; const d = import("./d.ts");
      const from = "no import"; const url = "http://host/"; import "./g.ts";
      import type { E } from "./e.ts"; import * as f from "./f.ts";`;
    expect(importsOf(text).sort()).toEqual(["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts"]);
  });

  it("finds a folder that stands before one below it, and one that has no files", () => {
    const order = { foldersBelow: { a: ["b"], b: [] }, packageFault: () => undefined };
    expect(orderFaults(order, [{ path: "a/x.ts", text: "" }])).toEqual(["b does not stand before a", "b has no files"]);
  });
});

import type { LayerOrder } from "./support/layer-order.ts";

const ground = ["memory", "sync"];
const layers = [...ground, "gfp", "region", "vmem", "pages", "cluster", "slab", "bucket", "vmalloc", "kmalloc"];
const kernel = [...layers, "kernels", "heap"];
const program = [...layers, "heap", "debug"];

/**
 * Who may import whom in packages/kmem/src: a folder, and the folders below it. Every folder may import itself. Of the
 * two files that lie in src itself, `index.ts` may import `heap/` and what is below it, and `layout.ts` every folder.
 */
const foldersBelow: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  gfp: [],
  sync: ["memory"],
  region: ["memory"],
  vmem: ["memory"],
  pages: ground,
  cluster: ground,
  slab: [...ground, "pages"],
  bucket: [...ground, "pages"],
  vmalloc: [...ground, "pages", "vmem"],
  kmalloc: [...ground, "pages", "slab", "bucket", "vmalloc"],
  repair: [...ground, "pages", "slab", "kmalloc"],
  heap: [...ground, "pages", "slab", "vmalloc", "kmalloc", "repair"],
  "index.ts": [...ground, "pages", "slab", "vmalloc", "kmalloc", "repair", "heap"],
  profile: ["memory"],
  trace: [...layers, "heap"],
  debug: [...layers, "profile", "repair", "heap", "trace"],
  nodes: [...layers, "heap"],
  kernels: ["memory"],
  "kernels/atomik": kernel,
  "kernels/giet": kernel,
  "kernels/linux": kernel,
  "kernels/mykernel": kernel,
  proc: [...layers, "heap", "kernels/linux"],
  "wasm/binary": ["memory"],
  "wasm/dwarf": ["wasm/binary"],
  "wasm/code": ["wasm/binary"],
  "wasm/allocator": ["memory", "wasm/binary", "wasm/code"],
  "wasm/core": [...layers, "heap", "wasm/binary", "wasm/allocator"],
  "wasm/instrument": ["memory", "wasm/binary", "wasm/code", "wasm/allocator"],
  "wasm/adopt": ["memory", "wasm/binary", "wasm/code", "wasm/allocator", "wasm/core", "wasm/instrument"],
  "wasm/c-malloc": [...layers, "heap", "wasm/core"],
  "wasm/program": [...program, "wasm/binary", "wasm/dwarf", "wasm/core", "wasm/instrument", "wasm/adopt"],
  "wasm/memcheck": [...program, "wasm/instrument", "wasm/adopt", "wasm/c-malloc", "wasm/program"],
  wasm: ["code", "allocator", "core", "adopt", "c-malloc", "program", "memcheck"].map((folder) => `wasm/${folder}`),
  "layout.ts": [...layers, "debug", "nodes", "trace"],
};

/** The order of the library, which depends on nothing else. */
export const libraryOrder: LayerOrder = {
  foldersBelow,
  packageFault: (specifier) =>
    specifier.startsWith("node:") ? "the library runs outside Node too" : "the library depends on no package",
};

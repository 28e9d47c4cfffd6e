import type { LayerOrder } from "./support/layer-order.ts";

const ground = ["memory", "sync"];
const layers = [...ground, "gfp", "region", "vmem", "pages", "cluster", "slab", "bucket", "vmalloc", "kmalloc"];
const kernel = [...layers, "kernels", "heap"];

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
  wasm: [...layers, "heap", "debug"],
  "layout.ts": [...layers, "debug", "nodes", "trace"],
};

/** The order of the library, which depends on nothing else. */
export const libraryOrder: LayerOrder = {
  foldersBelow,
  packageFault: (specifier) =>
    specifier.startsWith("node:") ? "the library runs outside Node too" : "the library depends on no package",
};

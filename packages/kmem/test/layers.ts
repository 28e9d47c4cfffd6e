import { posix } from "node:path";
import type { SourceFile } from "./source-files.ts";

const ground = ["memory", "sync"];
const layers = [...ground, "gfp", "region", "vmem", "pages", "cluster", "slab", "bucket", "vmalloc", "kmalloc"];
const kernel = [...layers, "kernels", "heap"];

/**
 * Who may import whom in packages/kmem/src: a folder, and the folders below it. Every folder may import itself. Of the
 * two files that lie in src itself, `index.ts` may import `heap/` and what is below it, and `layout.ts` every folder.
 */
export const foldersBelow: Readonly<Record<string, readonly string[]>> = {
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
  "layout.ts": [...layers, "debug", "nodes", "trace"],
};

const stringOrComment = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const importForms = [
  // import … from "x" · export … from "x"
  /(?<=(?:^|[;{}])\s*)(?:import|export)\b[^;"'`=]*?\bfrom\s*(["'])(?<specifier>[^"']*)\1/gm,
  // import "x"
  /(?<=(?:^|[;{}])\s*)import\s*(["'])(?<specifier>[^"']*)\1/gm,
  // import("x"), as an expression or as a type; also the import whose argument is not a plain string
  /\bimport\s*\(\s*(?:(["'`])(?<specifier>[^"'`$]*)\1|(?<computed>[^)]*))/g,
];

/** What a source text imports, statically, dynamically or as a type; comments do not count. */
export function importsOf(text: string): string[] {
  const code = text.replace(stringOrComment, (_whole, string: string | undefined) => string ?? " ");
  return importForms.flatMap((form) =>
    [...code.matchAll(form)].map(({ groups }) => groups?.["specifier"] ?? `(computed: ${groups?.["computed"]})`),
  );
}

/** The folder of a file in src; a file that lies in src itself stands for itself. */
function folderOf(path: string): string {
  return path.includes("/") ? posix.dirname(path) : path;
}

function importFault(importer: string, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return "the library runs outside Node too";
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) return "the library depends on no package";
  if (!specifier.endsWith(".ts")) return "a relative import names its .ts file";

  const target = posix.join(posix.dirname(importer), specifier);
  if (target.startsWith("../")) return "it leads out of src";
  const [from, to] = [folderOf(importer), folderOf(target)];
  if (from === to) return undefined;
  if (!foldersBelow[from]?.includes(to)) return `${to} does not stand below ${from}`;
  return undefined;
}

/** One line for each breach of the layer order among these files of src, their paths seen from there. */
export function layerFaults(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const folder = folderOf(path);
    if (!(folder in foldersBelow)) return [`${path}: ${folder} has no place in the layer order`];
    return importsOf(text).flatMap((specifier) => {
      const fault = importFault(path, specifier);
      return fault === undefined ? [] : [`${path} imports "${specifier}": ${fault}`];
    });
  });
}

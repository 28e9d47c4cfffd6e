import { posix } from "node:path";
import type { SourceFile } from "./source-files.ts";

const objects = ["memory", "sync", "region", "vmem", "pages", "cluster", "slab", "bucket", "vmalloc", "kmalloc"];

/**
 * Who may import whom in packages/kmem/src: a folder, and the folders below it. Every folder may import itself. Files
 * directly in src (the faces) may import everything, and no folder may import them.
 */
export const foldersBelow: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  sync: ["memory"],
  region: ["memory"],
  vmem: ["memory"],
  pages: ["memory", "sync"],
  cluster: ["memory", "sync"],
  slab: ["memory", "sync", "pages"],
  bucket: ["memory", "sync", "pages"],
  vmalloc: ["memory", "sync", "pages", "vmem"],
  kmalloc: ["memory", "sync", "pages", "slab", "bucket", "vmalloc"],
  repair: ["memory", "sync", "pages", "slab", "kmalloc"],
  nodes: ["memory", "sync", "pages", "slab", "kmalloc"],
  atomik: objects,
  linux: objects,
  debug: objects,
  proc: objects,
  profile: ["memory"],
  trace: objects,
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

/** The folder of a file in src, "" for a face. */
function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

function importFault(importer: string, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return "the library runs outside Node too";
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) return "the library depends on no package";
  if (!specifier.endsWith(".ts")) return "a relative import names its .ts file";

  const target = posix.join(posix.dirname(importer), specifier);
  if (target.startsWith("../")) return "it leads out of src";
  const [from, to] = [folderOf(importer), folderOf(target)];
  if (from === to || from === "") return undefined;
  if (to === "") return `${from}/ stands below the faces`;
  if (!foldersBelow[from]?.includes(to)) return `${to}/ does not stand below ${from}/`;
  return undefined;
}

/** One line for each breach of the layer order among these files of src, their paths seen from there. */
export function layerFaults(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const folder = folderOf(path);
    if (folder !== "" && !(folder in foldersBelow))
      return [`${path}: folder ${folder}/ has no place in the layer order`];
    return importsOf(text).flatMap((specifier) => {
      const fault = importFault(path, specifier);
      return fault === undefined ? [] : [`${path} imports "${specifier}": ${fault}`];
    });
  });
}

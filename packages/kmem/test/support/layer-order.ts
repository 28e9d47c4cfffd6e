import { posix } from "node:path";
import type { SourceFile } from "../source-files.ts";

/** Who may import whom in the `src` of a package. */
export interface LayerOrder {
  /**
   * By folder, the folders below it, of which it may import; every folder may import itself. A file that lies in `src`
   * itself has a line of its own. Folders stand after those below them, so that there is no circle.
   */
  readonly foldersBelow: Readonly<Record<string, readonly string[]>>;
  /** Why something that is no path may not be imported: a package, a `node:` module; undefined where it may. */
  readonly packageFault: (specifier: string) => string | undefined;
}

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

function importFault(importer: string, specifier: string, { foldersBelow, packageFault }: LayerOrder) {
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) return packageFault(specifier);
  if (!specifier.endsWith(".ts")) return "a relative import names its .ts file";

  const target = posix.join(posix.dirname(importer), specifier);
  if (target.startsWith("../")) return "it leads out of src";
  const [from, to] = [folderOf(importer), folderOf(target)];
  if (from === to) return undefined;
  if (!foldersBelow[from]?.includes(to)) return `${to} does not stand below ${from}`;
  return undefined;
}

/** One line for each breach of the layer order among these files of src, their paths seen from there. */
export function layerFaults(files: readonly SourceFile[], order: LayerOrder): string[] {
  return files.flatMap(({ path, text }) => {
    const folder = folderOf(path);
    if (!(folder in order.foldersBelow)) return [`${path}: ${folder} has no place in the layer order`];
    return importsOf(text).flatMap((specifier) => {
      const fault = importFault(path, specifier, order);
      return fault === undefined ? [] : [`${path} imports "${specifier}": ${fault}`];
    });
  });
}

/** One line for each folder of the table that stands before one of those below it, or has no files. */
export function orderFaults({ foldersBelow }: LayerOrder, files: readonly SourceFile[]): string[] {
  const folders = Object.keys(foldersBelow);
  const used = new Set(files.map(({ path }) => folderOf(path)));
  return folders.flatMap((folder, place) => [
    ...(used.has(folder) ? [] : [`${folder} has no files`]),
    ...foldersBelow[folder]!.flatMap((lower) => {
      const lowerPlace = folders.indexOf(lower);
      return lowerPlace >= 0 && lowerPlace < place ? [] : [`${lower} does not stand before ${folder}`];
    }),
  ]);
}

/**
 * The circles among these files of src: for each set of files that import each other, directly or around, one line with
 * their paths. Imports of types count: who reads one of the files has to read the others.
 */
export function importCircles(files: readonly SourceFile[]): string[] {
  const imports = new Map(
    files.map(({ path, text }) => [path, importsOf(text).map((name) => posix.join(posix.dirname(path), name))]),
  );
  const reached = new Map([...imports.keys()].map((path) => [path, reachableFrom(path, imports)]));
  const circles = new Set<string>();
  for (const [path, targets] of reached) {
    const circle = [...targets].filter((other) => reached.get(other)?.has(path) === true).sort();
    if (circle.length > 0) circles.add(circle.join(" ⇄ "));
  }
  return [...circles].sort();
}

/** The files that a file imports, and those that they import, and so on: itself only where a way leads back. */
function reachableFrom(start: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const waiting = [...(imports.get(start) ?? [])];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...(imports.get(path) ?? []));
  }
  return reached;
}

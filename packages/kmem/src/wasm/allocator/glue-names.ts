/** Any of the names that Emscripten's JavaScript gives a function of the module. */
const ASSIGNED = /(?<![\w$])_([A-Za-z]\w*)(?:["']\s*\])?\s*=(?!=)/g;
/** From there on: further names of the same. */
const FURTHER_NAMES = /^\s*(?:[\w$.]+(?:\["[\w$]+"\])?\s*=\s*)*/;
/** Then the exports, which older glue has in `asm` of the module, and the name of one. */
const OF_EXPORTS = /^[\w$]+(?:\.asm|\[\s*["']asm["']\s*\])?(?:\.([\w$]+)|\[\s*["']([^"'\]]+)["']\s*\])/;
/** No such assignment is longer. */
const ASSIGNMENT_CHARACTERS = 200;

/**
 * Which exports of a module stand for which functions, by the JavaScript that Emscripten has made for it, as
 * `Module["_malloc"] = wasmExports["u"]`, or in older ones `Module["asm"]["u"]`, and their minified forms. Of `accepts`
 * is asked which names are wanted, and of `isExported` whether a module has an export. O(characters).
 */
export function glueNames(
  text: string,
  accepts: (name: string) => boolean,
  isExported: (name: string) => boolean,
): Map<string, string> {
  const exportsByName = new Map<string, string>();
  for (const match of text.matchAll(ASSIGNED)) {
    const [, name = ""] = match;
    if (!accepts(name)) continue;
    const rest = text.slice(match.index + match[0].length, match.index + match[0].length + ASSIGNMENT_CHARACTERS);
    // Where a function follows, which calls the export, the last of the names may be the export's own.
    const source = OF_EXPORTS.exec(rest.replace(FURTHER_NAMES, "")) ?? OF_EXPORTS.exec(rest.trimStart());
    const exported = source?.[1] ?? source?.[2];
    if (exported !== undefined && isExported(exported)) exportsByName.set(name, exported);
  }
  return exportsByName;
}

/** What stands before the name of a function in the object of imports, as in `"x":_emscripten_resize_heap`. */
const IMPORT_KEY = /([\w$]+)["']?\s*:\s*$/;
/** No such key is longer. */
const KEY_CHARACTERS = 100;

/** The names by which a module imports one of these functions, by the JavaScript that has them. O(characters). */
export function glueImports(text: string, functions: ReadonlySet<string>): Set<string> {
  const imports = new Set<string>();
  for (const name of functions) {
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
      const key = IMPORT_KEY.exec(text.slice(Math.max(0, at - KEY_CHARACTERS), at))?.[1];
      if (key !== undefined) imports.add(key);
    }
  }
  return imports;
}

import { posix } from "node:path";
import type { SourceFile } from "./source-files.ts";

/** What one file takes of another. */
interface Use {
  readonly target: string;
  /** Undefined: all that there is. */
  readonly names: readonly string[] | undefined;
}

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type) ([\w$]+)/gm;
const TYPE = /^export (?:abstract )?(?:interface|type|class)/;
const NAMED = /\b(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,\s*)?\{([^}]*)\}\s*from\s*"([^"]+)"/g;
const STAR = /\b(?:import|export)\s+(?:type\s+)?\*(?:\s+as\s+[\w$]+)?\s+from\s*"([^"]+)"/g;
const WHOLE = /\bimport(?:\(\s*|\s+)["'`]([^"'`]+)["'`]/g;
/** Files that are named as text: workers, pages, modules of realms, commands. */
const TEXT = /["'`]([^"'`\n]*?)([\w.-]+)\.(?:ts|js|mjs)["'`]/g;
const NAME_TEXT = /["'`](?:[\w./-]*\/)?([\w-]+)(?=["'`$])/g;

/** Paths are from `packages/`. */
export class UseOfCode {
  readonly #files: ReadonlyMap<string, SourceFile>;
  readonly #aliases: readonly (readonly [RegExp, string])[];
  readonly #uses = new Map<string, Set<string>>();
  readonly #wholly = new Set<string>();
  readonly #namedAsText = new Set<string>();

  /** `others` use files, and are not looked at themselves: scripts, configurations, documents. */
  constructor(
    files: readonly SourceFile[],
    aliases: readonly (readonly [RegExp, string])[],
    others: readonly string[] = [],
  ) {
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#aliases = aliases;
    for (const file of files) {
      for (const { target, names } of this.#usesOf(file)) this.#note(target, names);
      this.#noteTexts(file.text, file.path);
    }
    for (const text of others) this.#noteTexts(text);
  }

  #note(target: string, names: readonly string[] | undefined): void {
    if (names === undefined) this.#wholly.add(target);
    const known = this.#uses.get(target) ?? new Set();
    for (const name of names ?? []) known.add(name);
    this.#uses.set(target, known);
  }

  /** Names of files in text, and words that may be the name of one: modules that are loaded by a name. */
  #noteTexts(text: string, from = ""): void {
    for (const [, , stem = ""] of text.matchAll(TEXT)) if (stem !== stemOf(from)) this.#namedAsText.add(stem);
    for (const [, word = ""] of text.matchAll(NAME_TEXT)) if (word !== stemOf(from)) this.#namedAsText.add(word);
  }

  #usesOf({ path, text }: SourceFile): Use[] {
    const uses: Use[] = [];
    const add = (specifier: string | undefined, names: readonly string[] | undefined): void => {
      const target = specifier === undefined ? undefined : this.#resolve(path, specifier);
      if (target !== undefined) uses.push({ target, names });
    };
    for (const [, clause = "", specifier] of text.matchAll(NAMED)) {
      const names = clause.split(",").map(
        (part) =>
          part
            .trim()
            .replace(/^type /, "")
            .split(" as ")[0]
            ?.trim() ?? "",
      );
      add(
        specifier,
        names.filter((name) => name !== ""),
      );
    }
    for (const [, specifier] of [...text.matchAll(STAR), ...text.matchAll(WHOLE)]) add(specifier, undefined);
    return uses;
  }

  #resolve(from: string, specifier: string): string | undefined {
    if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier);
    for (const [pattern, path] of this.#aliases) if (pattern.test(specifier)) return specifier.replace(pattern, path);
    return undefined;
  }

  /** Files that nobody imports or names and that are no entries. */
  deadFiles(isEntry: (path: string) => boolean): string[] {
    return [...this.#files.keys()].filter(
      (path) => !isEntry(path) && !this.#uses.has(path) && !this.#namedAsText.has(stemOf(path)),
    );
  }

  /** Exports that nobody imports, as "file: name"; an entry's are for others. */
  deadExports(isEntry: (path: string) => boolean): string[] {
    return [...this.#files.values()].flatMap(({ path, text }) => {
      if (isEntry(path) || this.#wholly.has(path)) return [];
      const used = this.#uses.get(path) ?? new Set();
      return [...text.matchAll(DECLARATION)]
        .filter(([line, name = ""]) => !used.has(name) && !(TYPE.test(line) && isMentionedTwice(text, name)))
        .map(([, name = ""]) => name)
        .map((name) => `${path}: ${name}`);
    });
  }
}

/** Whether a type stands in its own file besides its declaration, in the signature of something that is used. */
function isMentionedTwice(text: string, name: string): boolean {
  return [...text.matchAll(new RegExp(`\\b${name}\\b`, "g"))].length > 1;
}

function stemOf(path: string): string {
  return posix.basename(path).replace(/\.ts$/, "");
}

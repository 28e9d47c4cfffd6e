import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A name that a module declares: its text without comments, on few lines. */
export interface Declaration {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

/** Where a name comes from: a module, and the name there. */
interface Origin {
  readonly file: string;
  readonly name: string;
  /** Of an export: nothing but the type, so that nobody reaches a class's constructor and statics by it. */
  readonly isType?: boolean;
}

interface Module {
  readonly declared: ReadonlyMap<string, Declaration>;
  /** Names that are imported, whether they are exported again or not. */
  readonly imported: ReadonlyMap<string, Origin>;
  /** Names that are exported, by the name here or elsewhere. */
  readonly exported: ReadonlyMap<string, Origin>;
  /** Modules all of whose names are exported again. */
  readonly stars: readonly string[];
}

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const DECLARATION =
  /^(?<isExported>export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function) (?<name>[\w$]+)/;
const NAMED = /^(?<verb>import|export)(?: type)? \{(?<names>[^}]*)\}(?: from "(?<from>[^"]+)")?/;
const STAR = /^export \* from "(?<from>[^"]+)"/;

/** The statements of a declaration file as tsc writes it: each ends with a semicolon or brace outside all braces. */
function statementsOf(code: string): string[] {
  const statements: string[] = [];
  let depth = 0;
  let start = 0;
  const end = (index: number): void => {
    const text = code.slice(start, index).replace(/\s+/g, " ").trim();
    if (text !== "" && text !== "export {};") statements.push(text);
    start = index;
  };
  for (let index = 0; index < code.length; index++) {
    const character = code[index] as string;
    if (character === '"') index = code.indexOf('"', index + 1);
    else if ("{([".includes(character)) depth++;
    else if ("})]".includes(character)) {
      depth--;
      const isBody = /^\s*(?:export )?(?:declare )?(?:abstract )?(?:class|interface|global) /.test(
        code.slice(start, index),
      );
      if (depth === 0 && character === "}" && isBody) end(index + 1);
    } else if (character === ";" && depth === 0) end(index + 1);
  }
  return statements;
}

function parse(file: string): Module {
  const declared = new Map<string, Declaration>();
  const imported = new Map<string, Origin>();
  const exported = new Map<string, Origin>();
  const stars: string[] = [];
  const pathOf = (from: string): string => join(dirname(file), from.replace(/\.ts$/, ".d.ts"));
  for (const text of statementsOf(readFileSync(file, "utf8").replace(COMMENT, ""))) {
    const star = STAR.exec(text)?.groups;
    const named = NAMED.exec(text)?.groups;
    const declaration = DECLARATION.exec(text)?.groups;
    if (star !== undefined) stars.push(pathOf(star["from"] as string));
    else if (named !== undefined) {
      for (const one of (named["names"] as string).split(",").filter((name) => name.trim() !== "")) {
        const [name = "", as = name] = one
          .trim()
          .replace(/^type /, "")
          .split(" as ");
        const from = named["from"];
        const isImport = named["verb"] === "import";
        const isType = /^export type /.test(text) || /^type /.test(one.trim());
        (isImport ? imported : exported).set(as, { file: from === undefined ? file : pathOf(from), name, isType });
      }
    } else if (declaration !== undefined) {
      const name = declaration["name"] as string;
      const before = declared.get(name);
      declared.set(name, { file, name, text: before === undefined ? text : `${before.text}\n${text}` });
      if (declaration["isExported"] !== undefined) exported.set(name, { file, name });
    } else if (!text.startsWith("declare global ")) throw new Error(`${file}: this statement cannot be read: ${text}`);
  }
  return { declared, imported, exported, stars };
}

/** The declarations of a build, by the files that tsc has written. */
export class Declarations {
  readonly #modules = new Map<string, Module>();
  readonly #cut = new Map<string, Declaration>();

  #module(file: string): Module {
    const known = this.#modules.get(file);
    if (known !== undefined) return known;
    const module = parse(file);
    this.#modules.set(file, module);
    return module;
  }

  /** What a module exports, by the names that its importers use. */
  exportsOf(file: string): Map<string, Declaration> {
    const { exported, stars } = this.#module(file);
    const all = new Map(stars.flatMap((star) => [...this.exportsOf(star)]));
    for (const [name, origin] of exported) {
      const declaration = this.#declaration(origin);
      if (declaration === undefined) throw new Error(`${file} exports ${name}, which ${origin.file} has not`);
      all.set(name, origin.isType === true ? this.#instances(declaration) : declaration);
    }
    return all;
  }

  /** The declarations of this library that a declaration names. */
  namedBy({ file, text, name: own }: Declaration): Declaration[] {
    // Types begin with capitals; what `typeof` names may not.
    const words = new Set(text.match(/\b[A-Z][\w$]*|(?<=\btypeof )\w+/g));
    const found = [...words].map((name) => (name === own ? undefined : this.#declaration({ file, name })));
    return found.filter((declaration) => declaration !== undefined);
  }

  /** A class as its type alone shows it, the same object for the same class; anything else as it is. */
  #instances(declaration: Declaration): Declaration {
    const { file, name, text } = declaration;
    if (!/^export declare (abstract )?class /.test(text)) return declaration;
    const key = `${file} ${name}`;
    const cut = text.replace(/(?<=[;{] )(?:(?:private |protected )?constructor|static \w+(?:<[^(]*>)?)\([^;]*; /g, "");
    const known = this.#cut.get(key) ?? { file, name, text: cut };
    this.#cut.set(key, known);
    return known;
  }

  /** Whether two are one declaration, a class perhaps once with and once without its statics. */
  static areSame(one: Declaration, other: Declaration): boolean {
    return one.file === other.file && one.name === other.name;
  }

  #declaration({ file, name }: Origin): Declaration | undefined {
    const { declared, imported, exported, stars } = this.#module(file);
    const own = declared.get(name);
    if (own !== undefined) return own;
    const origin = imported.get(name) ?? exported.get(name);
    if (origin !== undefined && !(origin.file === file && origin.name === name)) return this.#declaration(origin);
    return stars.map((star) => this.#declaration({ file: star, name })).find((one) => one !== undefined);
  }
}

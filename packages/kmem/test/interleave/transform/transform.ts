import { stripTypeScriptTypes } from "node:module";
import { posix } from "node:path";
import type { AnyNode } from "acorn";
import type { SourceFile } from "../../source-files.ts";
import { Renderer, type Site, type TransformContext } from "./renderer.ts";
import { allNodes, parseModule } from "./syntax.ts";

/** The instrumented code of a library. */
export interface Transformed {
  /** Code of each module's factory by the module's path from the library's root. */
  readonly modules: ReadonlyMap<string, string>;
  /** Places of all accesses in the library's sources, by their number in the code. */
  readonly sites: readonly Site[];
}

export interface TransformOptions {
  /** The modules to begin with; those that they import follow. */
  readonly entries: readonly string[];
  /** New values of module constants, by "file NAME": how often to spin is a matter of speed, not of correctness. */
  readonly constants?: Readonly<Record<string, string>>;
}

interface Parsed {
  readonly path: string;
  readonly code: string;
  readonly program: AnyNode;
}

/** Getters of the platform that tell of shared state. */
const PLATFORM_GETTERS = ["buffer"];

/** Instruments modules, their paths seen from the library's root. Throws UnsupportedSyntax. */
export function transform(sources: readonly SourceFile[], options: TransformOptions): Transformed {
  const parsed = parseReachable(sources, options.entries);
  const constants = new Map(Object.entries(options.constants ?? {}));
  const context: TransformContext = { getters: getterNames(parsed), constants, usedConstants: new Set(), sites: [] };
  const modules = new Map(
    parsed.map(({ path, code, program }) => [path, new Renderer(path, code, context).render(program, "plain")]),
  );
  for (const constant of constants.keys()) {
    if (!context.usedConstants.has(constant)) throw new Error(`there is no constant ${constant} to replace`);
  }
  return { modules, sites: context.sites };
}

function parseReachable(sources: readonly SourceFile[], entries: readonly string[]): Parsed[] {
  const texts = new Map(sources.map(({ path, text }) => [path, text]));
  const parsed = new Map<string, Parsed>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (parsed.has(path)) continue;
    const text = texts.get(path);
    if (text === undefined) throw new Error(`there is no module ${path}`);
    const code = stripTypeScriptTypes(text, { mode: "strip" });
    const program = parseModule(code);
    parsed.set(path, { path, code, program });
    waiting.push(...importsOf(path, program));
  }
  return [...parsed.values()];
}

function importsOf(path: string, program: AnyNode): string[] {
  return [...allNodes(program)].flatMap((node) => {
    const isImport =
      node.type === "ImportDeclaration" ||
      node.type === "ExportNamedDeclaration" ||
      node.type === "ExportAllDeclaration";
    return isImport && node.source != null ? [posix.join(posix.dirname(path), String(node.source.value))] : [];
  });
}

function getterNames(parsed: readonly Parsed[]): Set<string> {
  const names = new Set<string>(PLATFORM_GETTERS);
  for (const { program } of parsed) {
    for (const node of allNodes(program)) {
      if (node.type !== "MethodDefinition" || node.kind !== "get") continue;
      if (node.key.type === "Identifier") names.add(node.key.name);
    }
  }
  return names;
}

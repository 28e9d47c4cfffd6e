import { posix } from "node:path";
import type {
  ExportAllDeclaration,
  ExportNamedDeclaration,
  ExportSpecifier,
  ImportDeclaration,
  Literal,
  Pattern,
  Program,
} from "acorn";
import type { Renderer, Special } from "./renderer.ts";

/** The path of a module that another one names, both seen from the library's root. */
function resolve(renderer: Renderer, source: Literal): string {
  return posix.join(posix.dirname(renderer.file), String(source.value));
}

function importDeclaration(renderer: Renderer, node: ImportDeclaration): string {
  const module = `$require(${JSON.stringify(resolve(renderer, node.source))})`;
  const names = node.specifiers.map((specifier) => {
    if (specifier.type === "ImportNamespaceSpecifier") return undefined;
    const imported = specifier.type === "ImportDefaultSpecifier" ? "default" : renderer.textOf(specifier.imported);
    return `${imported}: ${specifier.local.name}`;
  });
  const [first] = node.specifiers;
  if (first?.type === "ImportNamespaceSpecifier") return `const ${first.local.name} = ${module};`;
  return names.length === 0 ? `${module};` : `const { ${names.join(", ")} } = ${module};`;
}

function namesOf(pattern: Pattern, renderer: Renderer): string {
  if (pattern.type === "Identifier") return pattern.name;
  throw renderer.unsupported(pattern, "an export by a pattern");
}

function specifierNames(renderer: Renderer, specifier: ExportSpecifier): [local: string, exported: string] {
  return [renderer.textOf(specifier.local), renderer.textOf(specifier.exported)];
}

/** What a module exports, as properties of the object that its factory returns. */
function exportsOf(renderer: Renderer, program: Program): string[] {
  return program.body.flatMap((node) => {
    if (node.type === "ExportDefaultDeclaration") throw renderer.unsupported(node, "a default export");
    if (node.type === "ExportAllDeclaration") {
      return [`...$require(${JSON.stringify(resolve(renderer, node.source))})`];
    }
    if (node.type !== "ExportNamedDeclaration") return [];
    const { declaration, source } = node;
    if (declaration?.type === "VariableDeclaration") {
      return declaration.declarations.map(({ id }) => namesOf(id, renderer));
    }
    if (declaration != null) return [(declaration.id as { name: string }).name];
    const owner = source == null ? "" : `$require(${JSON.stringify(resolve(renderer, source))}).`;
    return node.specifiers.map((specifier) => {
      const [local, exported] = specifierNames(renderer, specifier);
      return `${exported}: ${owner}${local}`;
    });
  });
}

function exportNamed(renderer: Renderer, node: ExportNamedDeclaration): string {
  return node.declaration == null ? "" : renderer.render(node.declaration, "plain");
}

function exportAll(_renderer: Renderer, _node: ExportAllDeclaration): string {
  return "";
}

function program(renderer: Renderer, node: Program): string {
  const body = renderer.renderChildren(node, "plain");
  return `"use strict"; ${body}\nreturn { ${exportsOf(renderer, node).join(", ")} };`;
}

export const moduleSpecials: Readonly<Record<string, Special>> = {
  Program: program,
  ImportDeclaration: importDeclaration,
  ExportNamedDeclaration: exportNamed,
  ExportAllDeclaration: exportAll,
};

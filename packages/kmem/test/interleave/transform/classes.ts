import type {
  ClassDeclaration,
  ClassExpression,
  MethodDefinition,
  Property,
  PropertyDefinition,
  StaticBlock,
} from "acorn";
import { plainTail, stepsTail } from "./functions.ts";
import type { Mode, Renderer, Special } from "./renderer.ts";

function anyClass(renderer: Renderer, node: ClassDeclaration | ClassExpression): string {
  return renderer.inClass(node, () =>
    // Neither the base class nor the names of members act in the library.
    renderer.splice(node, (child) =>
      child === node.body ? renderer.renderChildren(child, "plain") : renderer.textOf(child),
    ),
  );
}

/** A method stands twice in its class: under its name, and as a generator under its name and `$g` or `$i`. */
function method(renderer: Renderer, node: MethodDefinition): string {
  const { key, kind, value } = node;
  const place = node.static ? "static " : "";
  const name = node.computed ? `[${renderer.textOf(key)}]` : renderer.textOf(key);
  const accessor = kind === "get" || kind === "set" ? `${kind} ` : "";
  const marks = `${value.async ? "async " : ""}${value.generator ? "*" : ""}`;
  const plain = `${place}${accessor}${marks}${name}${plainTail(renderer, value)}`;
  const isName = !node.computed && (key.type === "Identifier" || key.type === "PrivateIdentifier");
  if (kind === "constructor" || kind === "set" || value.async || !isName) return plain;
  return `${plain} ${place}*${name}$${value.generator ? "i" : "g"}${stepsTail(renderer, value)}`;
}

function field(renderer: Renderer, node: PropertyDefinition): string {
  return renderer.splice(node, (child) =>
    child === node.value ? renderer.render(child, "plain") : renderer.textOf(child),
  );
}

function staticBlock(renderer: Renderer, node: StaticBlock): string {
  return renderer.renderChildren(node, "plain");
}

function property(renderer: Renderer, node: Property, mode: Mode): string | undefined {
  const { key, value } = node;
  if (node.shorthand) return renderer.render(value, mode);
  const name = node.computed ? `[${renderer.render(key, mode)}]` : renderer.textOf(key);
  if (node.kind !== "init") return `${node.kind} ${name}${plainTail(renderer, value as never)}`;
  return `${name}: ${renderer.render(value, mode)}`;
}

export const classSpecials: Readonly<Record<string, Special>> = {
  ClassDeclaration: anyClass,
  ClassExpression: anyClass,
  MethodDefinition: method,
  PropertyDefinition: field,
  StaticBlock: staticBlock,
  Property: property,
};

import type { CallExpression, ChainExpression, Expression, MemberExpression, SpreadElement } from "acorn";
import { ask, renderTarget } from "./accesses.ts";
import type { Mode, Renderer, Special } from "./renderer.ts";
import { rawText, type Syntax } from "./syntax.ts";

/** Built-in objects none of whose functions calls back or touches managed memory. */
const QUIET_OBJECTS: ReadonlySet<string> = new Set(["Math", "Number", "JSON", "Reflect"]);
/** Methods that read or write many elements of a typed array, or change a memory, at once. */
const WIDE_METHODS: ReadonlySet<string> = new Set([
  "fill",
  "copyWithin",
  "set",
  "indexOf",
  "includes",
  "slice",
  "some",
  "every",
  "grow",
]);

function argumentList(renderer: Renderer, node: CallExpression, mode: Mode): string {
  return node.arguments.map((argument) => `, ${renderer.render(argument, mode)}`).join("");
}

function call(renderer: Renderer, node: CallExpression, mode: Mode): string | undefined {
  const { callee } = node;
  if (callee.type === "Super") return undefined;
  if (callee.type === "MemberExpression") {
    const { object, property } = callee;
    if (object.type === "Super") {
      if (mode === "steps") throw renderer.unsupported(node, "a call of a method of the base class");
      return undefined;
    }
    const isNamed = !callee.computed && property.type === "Identifier";
    if (isNamed && object.type === "Identifier" && object.name === "Atomics") {
      const request = `"${property.name}", ${renderer.site(node)}${argumentList(renderer, node, mode)}`;
      return mode === "plain" ? `$rt.plainAtomic(${request})` : ask(`$rt.atomic(${request})`);
    }
    const isQuiet = object.type === "Identifier" && QUIET_OBJECTS.has(object.name);
    if (mode === "steps" && !isQuiet) return methodCall(renderer, node, callee);
    if (mode === "plain" && isNamed && WIDE_METHODS.has(property.name)) {
      const objectText = renderer.render(object, mode);
      const rest = argumentList(renderer, node, mode);
      return `$rt.plainMethod(${objectText}, "${property.name}", ${renderer.site(node)}${rest})`;
    }
    return renderer.splice(node, (child) =>
      child === callee ? renderTarget(renderer, child, mode) : renderer.render(child, mode),
    );
  }
  if (mode === "plain") return undefined;
  const rest = argumentList(renderer, node, mode);
  return `(yield* $rt.call(${renderer.render(callee as Syntax, mode)}, ${renderer.site(node)}${rest}))`;
}

/** The call of a method in the steps form; the callee is no chain any more. */
function methodCall(renderer: Renderer, node: CallExpression, callee: MemberExpression): string {
  const object = renderer.render(callee.object as Syntax, "steps");
  const rest = argumentList(renderer, node, "steps");
  const site = renderer.site(node);
  const { property } = callee;
  if (property.type === "PrivateIdentifier") {
    return privateCall(renderer, renderer.operand(callee.object as Syntax, "steps"), property.name, site, rest);
  }
  if (callee.computed) {
    const key = renderer.temporary();
    const name = renderer.render(property, "steps");
    return `(yield* $rt.method(${object}, ${key} = ${name}, \`\${String(${key})}$g\`, ${site}${rest}))`;
  }
  const name = property.type === "Identifier" ? property.name : renderer.textOf(property);
  return `(yield* $rt.method(${object}, "${name}", "${name}$g", ${site}${rest}))`;
}

function privateCall(renderer: Renderer, object: string, name: string, site: number, rest: string): string {
  const kind = renderer.privateKind(name);
  if (kind === "method") return `(yield* ${object}.#${name}$g(${rest.slice(2)}))`;
  if (kind === "iterator") return `${object}.#${name}$i(${rest.slice(2)})`;
  const owner = renderer.temporary();
  const callee = kind === "getter" ? `(yield* ${owner}.#${name}$g())` : `${owner}.#${name}`;
  return `(${owner} = ${object}, yield* $rt.callOn(${callee}, ${owner}, ${site}${rest}))`;
}

type ChainElement = MemberExpression | CallExpression;

function isChainElement(node: Syntax): node is ChainElement {
  return node.type === "MemberExpression" || node.type === "CallExpression";
}

function below(node: ChainElement): Syntax {
  return node.type === "CallExpression" ? (node.callee as Syntax) : (node.object as Syntax);
}

/** The first optional link of a chain: where it may end early. */
function firstOptional(node: Syntax): ChainElement | undefined {
  if (!isChainElement(node)) return undefined;
  return firstOptional(below(node)) ?? (node.optional ? node : undefined);
}

/** A copy of a chain in which one link stands for itself no more. */
function replaced(node: Syntax, link: ChainElement, by: Syntax): Syntax {
  if (node === link) return by;
  if (!isChainElement(node)) return node;
  const inner = replaced(below(node), link, by) as Expression;
  return node.type === "CallExpression" ? { ...node, callee: inner } : { ...node, object: inner };
}

function chain(renderer: Renderer, node: ChainExpression, mode: Mode): string {
  return mode === "plain" ? plainLink(renderer, node.expression) : stepsChain(renderer, node.expression);
}

/** A chain as it stands: its links are not taken apart, since each may end it. */
function plainLink(renderer: Renderer, node: Syntax): string {
  if (!isChainElement(node)) return renderer.render(node, "plain");
  const inner = below(node);
  return renderer.splice(node, (child) => {
    if (child === inner) return plainLink(renderer, child);
    const isName = node.type === "MemberExpression" && !node.computed;
    return isName ? renderer.textOf(child) : renderer.render(child, "plain");
  });
}

function stepsChain(renderer: Renderer, node: Syntax): string {
  const link = firstOptional(node);
  if (link === undefined) return renderer.render(node, "steps");
  if (link.type === "CallExpression" && link.callee.type === "MemberExpression") {
    return optionalMethod(renderer, node, link, link.callee);
  }
  const base = renderer.temporary();
  const raw = rawText(base) as never;
  const rest: Syntax =
    link.type === "CallExpression"
      ? { ...link, callee: raw, optional: false }
      : { ...link, object: raw, optional: false };
  const value = renderer.render(below(link), "steps");
  return `((${base} = ${value}) == null ? undefined : ${stepsChain(renderer, replaced(node, link, rest))})`;
}

/** `object.method?.(…)`: asks for the method first. */
function optionalMethod(renderer: Renderer, node: Syntax, link: CallExpression, callee: MemberExpression): string {
  const owner = renderer.temporary();
  const object = renderer.render(callee.object as Syntax, "steps");
  const raw = rawText(owner) as never;
  const called: Syntax = { ...link, callee: { ...callee, object: raw, optional: false }, optional: false };
  const name = renderer.textOf(callee.property);
  const rest = stepsChain(renderer, replaced(node, link, called));
  return `((${owner} = ${object}).${name} == null ? undefined : ${rest})`;
}

/** The library's own iterators hand over control between their values. */
function spread(renderer: Renderer, node: SpreadElement, mode: Mode): string | undefined {
  if (mode === "plain") return undefined;
  return `...(yield* $rt.collect(${renderer.render(node.argument, mode)}, ${renderer.site(node)}))`;
}

export const callSpecials: Readonly<Record<string, Special>> = {
  CallExpression: call,
  ChainExpression: chain,
  SpreadElement: spread,
};

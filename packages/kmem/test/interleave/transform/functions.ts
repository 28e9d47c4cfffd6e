import type {
  AnyNode,
  ArrowFunctionExpression,
  AssignmentPattern,
  FunctionDeclaration,
  FunctionExpression,
  Pattern,
} from "acorn";
import type { Mode, Renderer, Special } from "./renderer.ts";
import { contains } from "./syntax.ts";

type AnyFunction = ArrowFunctionExpression | FunctionDeclaration | FunctionExpression;

/** Whether evaluating an expression may have to hand over control. */
function acts(renderer: Renderer, expression: AnyNode): boolean {
  return contains(expression, (node) => {
    if (node.type !== "MemberExpression") return node.type === "CallExpression";
    return node.computed || renderer.context.getters.has(renderer.textOf(node.property));
  });
}

/** Parameters of the steps form. A generator may not hand over control there, so defaults that act move inside. */
function stepsParameters(renderer: Renderer, parameters: readonly Pattern[]): { list: string; prologue: string } {
  const prologue: string[] = [];
  const list = parameters.map((parameter) => {
    if (!acts(renderer, parameter)) return renderer.textOf(parameter);
    if (parameter.type !== "AssignmentPattern" || parameter.left.type !== "Identifier") {
      throw renderer.unsupported(parameter, "a parameter whose pattern acts");
    }
    const { name } = parameter.left;
    prologue.push(`if (${name} === undefined) ${name} = ${renderer.render(parameter.right, "steps")}; `);
    return name;
  });
  return { list: list.join(", "), prologue: prologue.join("") };
}

/** `(parameters) { body }` of the steps form. */
export function stepsTail(renderer: Renderer, node: AnyFunction): string {
  let list = "";
  const { declaration, text } = renderer.withTemporaries(() => {
    const parameters = stepsParameters(renderer, node.params);
    list = parameters.list;
    const body = renderer.render(node.body, "steps");
    return parameters.prologue + (node.body.type === "BlockStatement" ? body.slice(1) : `return (${body}); }`);
  });
  return `(${list}) { ${declaration}${text}`;
}

/** `(parameters) { body }` of the plain form. */
export function plainTail(renderer: Renderer, node: AnyFunction): string {
  const list = node.params.map((parameter) => renderer.render(parameter, "plain")).join(", ");
  return `(${list}) ${renderer.render(node.body, "plain")}`;
}

function functionDeclaration(renderer: Renderer, node: FunctionDeclaration): string | undefined {
  const { name } = node.id;
  if (node.async) return renderer.renderChildren(node, "plain");
  const [star, mark] = node.generator ? ["*", "i"] : ["", "g"];
  const plain = `function${star} ${name}${plainTail(renderer, node)}`;
  return `${plain} function* ${name}$${mark}${stepsTail(renderer, node)} ${name}.$${mark} = ${name}$${mark};`;
}

function functionExpression(renderer: Renderer, node: FunctionExpression): string | undefined {
  if (node.async) return renderer.renderChildren(node, "plain");
  const name = node.id?.name ?? "";
  const steps = `function* ${name}${stepsTail(renderer, node)}`;
  if (node.generator) return `$rt.bothIterators(function* ${name}${plainTail(renderer, node)}, ${steps})`;
  return `$rt.both(function ${name}${plainTail(renderer, node)}, ${steps}, undefined)`;
}

function arrowFunction(renderer: Renderer, node: ArrowFunctionExpression): string | undefined {
  const plain = renderer.renderChildren(node, "plain");
  if (node.async) return plain;
  const isScope = (inner: AnyNode): boolean => inner.type !== "FunctionExpression" && inner.type !== "ClassBody";
  const usesThis = contains(node.body, ({ type }) => type === "ThisExpression", isScope);
  return `$rt.both((${plain}), function* ${stepsTail(renderer, node)}, ${usesThis ? "this" : "undefined"})`;
}

function assignmentPattern(renderer: Renderer, node: AssignmentPattern, mode: Mode): string | undefined {
  if (mode === "plain" || !acts(renderer, node.right)) return undefined;
  throw renderer.unsupported(node, "a default in a pattern that acts");
}

export const functionSpecials: Readonly<Record<string, Special>> = {
  FunctionDeclaration: functionDeclaration,
  FunctionExpression: functionExpression,
  ArrowFunctionExpression: arrowFunction,
  AssignmentPattern: assignmentPattern,
};

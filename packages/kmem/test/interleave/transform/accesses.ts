import type {
  AssignmentExpression,
  BinaryExpression,
  MemberExpression,
  Pattern,
  UnaryExpression,
  UpdateExpression,
} from "acorn";
import type { Mode, Renderer, Special } from "./renderer.ts";
import { contains, type Syntax } from "./syntax.ts";

/** In the steps form: ask, hand over if the scheduler says so, take the value. */
export function ask(request: string): string {
  return `(${request} && (yield $event), $rt.value)`;
}

/** A place in an array or typed array. */
interface Place {
  readonly array: string;
  readonly index: string;
  readonly site: number;
}

/** Whether it is `a[i]` with an index that is no constant name. */
function isElement(node: Syntax): node is MemberExpression & { computed: true } {
  return node.type === "MemberExpression" && node.computed && !isConstantKey(node.property);
}

/** Whether a member expression may be evaluated twice: neither calls nor changes anything. */
function isPure(node: MemberExpression): boolean {
  const impure = new Set(["CallExpression", "AssignmentExpression", "UpdateExpression", "NewExpression"]);
  return !contains(node, ({ type }) => impure.has(type));
}

/** Checks and set-ups spend their time here, so without a virtual thread the element is read in place. */
function plainLoad({ array, index, site }: Place, isPure: boolean): string {
  const recorded = `$rt.plainLoad(${array}, ${index}, ${site})`;
  return isPure ? `($rt.current === undefined ? (${array})[${index}] : ${recorded})` : recorded;
}

function isConstantKey(key: Syntax): boolean {
  if (key.type === "Literal") return typeof key.value === "string";
  return key.type === "MemberExpression" && key.object.type === "Identifier" && key.object.name === "Symbol";
}

function placeOf(renderer: Renderer, node: MemberExpression, mode: Mode): Place {
  return {
    array: renderer.render(node.object as Syntax, mode),
    index: renderer.render(node.property as Syntax, mode),
    site: renderer.site(node),
  };
}

/** A member where it is assigned to, called or deleted: not read. */
export function renderTarget(renderer: Renderer, node: Syntax, mode: Mode): string {
  if (node.type !== "MemberExpression") return renderer.render(node, mode);
  const object = renderer.operand(node.object as Syntax, mode);
  return node.computed
    ? `${object}[${renderer.render(node.property, mode)}]`
    : `${object}.${renderer.textOf(node.property)}`;
}

function member(renderer: Renderer, node: MemberExpression, mode: Mode): string | undefined {
  if (node.object.type === "Super") return undefined;
  if (isElement(node)) {
    const { array, index, site } = placeOf(renderer, node, mode);
    if (mode === "plain") return plainLoad({ array, index, site }, isPure(node));
    return ask(`$rt.load(${array}, ${index}, ${site})`);
  }
  if (node.computed) return undefined;
  const object = (): string => renderer.render(node.object as Syntax, mode);
  if (node.property.type === "PrivateIdentifier") {
    const { name } = node.property;
    if (mode === "plain" || renderer.privateKind(name) !== "getter") return renderTarget(renderer, node, mode);
    return `(yield* ${renderer.operand(node.object as Syntax, mode)}.#${name}$g())`;
  }
  if (node.property.type !== "Identifier") return undefined;
  const { name } = node.property;
  if (mode === "plain") {
    return name === "buffer"
      ? `$rt.plainBuffer(${object()}, ${renderer.site(node)})`
      : renderTarget(renderer, node, mode);
  }
  if (!renderer.context.getters.has(name)) return renderTarget(renderer, node, mode);
  return `(yield* $rt.read(${object()}, "${name}", "${name}$g", ${renderer.site(node)}))`;
}

function assignment(renderer: Renderer, node: AssignmentExpression, mode: Mode): string | undefined {
  const { left, right, operator } = node;
  if (!isElement(left)) {
    return renderer.splice(node, (child) =>
      child === left ? renderTarget(renderer, child, mode) : renderer.render(child, mode),
    );
  }
  const place = placeOf(renderer, left, mode);
  if (operator === "=") return store(place, renderer.render(right, mode), mode);
  if (operator === "&&=" || operator === "||=" || operator === "??=") {
    return logicalAssignment(renderer, place, operator.slice(0, -1), renderer.render(right, mode), mode);
  }
  return update(renderer, place, (old) => `${old} ${operator.slice(0, -1)} (${renderer.render(right, mode)})`, mode);
}

function logicalAssignment(renderer: Renderer, place: Place, operator: string, value: string, mode: Mode): string {
  const { array, index, site } = place;
  if (mode === "plain") {
    return `$rt.plainLogical(${array}, ${index}, ($load, $store) => $load() ${operator} $store(${value}), ${site})`;
  }
  const [arrayName, indexName, valueName] = [renderer.temporary(), renderer.temporary(), renderer.temporary()];
  const old = ask(`$rt.load(${arrayName}, ${indexName}, ${site})`);
  const stored = ask(`$rt.store(${arrayName}, ${indexName}, ${valueName}, ${site})`);
  return `(${arrayName} = ${array}, ${indexName} = ${index}, ${old} ${operator} (${valueName} = ${value}, ${stored}))`;
}

function store({ array, index, site }: Place, value: string, mode: Mode): string {
  if (mode === "plain") return `$rt.plainStore(${array}, ${index}, ${value}, ${site})`;
  return ask(`$rt.store(${array}, ${index}, ${value}, ${site})`);
}

/** Reads an element, computes and writes; the value is the new one. */
function update(
  renderer: Renderer,
  { array, index, site }: Place,
  compute: (old: string) => string,
  mode: Mode,
): string {
  if (mode === "plain") return `$rt.plainUpdate(${array}, ${index}, ($old) => ${compute("$old")}, ${site})`;
  const [arrayName, indexName, valueName] = [renderer.temporary(), renderer.temporary(), renderer.temporary()];
  const old = ask(`$rt.load(${arrayName}, ${indexName}, ${site})`);
  const stored = ask(`$rt.store(${arrayName}, ${indexName}, ${valueName}, ${site})`);
  return `(${arrayName} = ${array}, ${indexName} = ${index}, ${valueName} = ${compute(old)}, ${stored})`;
}

function increment(renderer: Renderer, node: UpdateExpression, mode: Mode): string | undefined {
  const { argument, operator, prefix } = node;
  if (!isElement(argument)) {
    return renderer.splice(node, (child) => renderTarget(renderer, child, mode));
  }
  const sign = operator === "++" ? "+" : "-";
  const opposite = operator === "++" ? "-" : "+";
  const stepped = update(renderer, placeOf(renderer, argument, mode), (old) => `${old} ${sign} 1`, mode);
  // Elements of typed arrays are small whole numbers, so the old value is one step back from the new one.
  return prefix ? stepped : `(${stepped} ${opposite} 1)`;
}

function unary(renderer: Renderer, node: UnaryExpression, mode: Mode): string | undefined {
  if (node.operator !== "delete") return undefined;
  return renderer.splice(node, (child) => renderTarget(renderer, child, mode));
}

/** A pattern that assigns to elements would store them unseen. */
function pattern(renderer: Renderer, node: Pattern, mode: Mode): string | undefined {
  return renderer.splice(node, (child) => {
    if (isElement(child)) throw renderer.unsupported(child, "an element that a pattern assigns to");
    return renderer.render(child, mode);
  });
}

/** `#name in object`: the name is no child to be read. */
function binary(renderer: Renderer, node: BinaryExpression, mode: Mode): string | undefined {
  if (node.left.type !== "PrivateIdentifier") return undefined;
  return `(${renderer.textOf(node.left)} in ${renderer.render(node.right, mode)})`;
}

export const accessSpecials: Readonly<Record<string, Special>> = {
  MemberExpression: member,
  AssignmentExpression: assignment,
  UpdateExpression: increment,
  UnaryExpression: unary,
  ArrayPattern: pattern,
  BinaryExpression: binary,
};

import type { AnyNode, Class } from "acorn";
import { accessSpecials } from "./accesses.ts";
import { callSpecials } from "./calls.ts";
import { classSpecials } from "./classes.ts";
import { functionSpecials } from "./functions.ts";
import { moduleSpecials } from "./modules.ts";
import { statementSpecials } from "./statements.ts";
import { childrenOf, type Syntax, UnsupportedSyntax } from "./syntax.ts";

/**
 * Every function is written twice. The "plain" form runs as ever, only that a virtual thread's accesses are recorded;
 * constructors, set-ups and checks use it. The "steps" form is a generator that hands over control before an access
 * that the scheduler wants to place.
 */
export type Mode = "plain" | "steps";

/** Where an access stands in the library's own source. */
export interface Site {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What all modules of a library share while they are transformed. */
export interface TransformContext {
  /** Names that some class has a getter for. */
  readonly getters: ReadonlySet<string>;
  /** New initial values of module constants, by "file NAME". */
  readonly constants: ReadonlyMap<string, string>;
  readonly usedConstants: Set<string>;
  readonly sites: Site[];
}

export type PrivateKind = "method" | "iterator" | "getter" | "field";

/** Writes nodes of one type; undefined leaves the node to the default, which keeps its text around its children. */
export type Special = (renderer: Renderer, node: never, mode: Mode) => string | undefined;

const SELF_CONTAINED: ReadonlySet<string> = new Set([
  "RawText",
  "Identifier",
  "ThisExpression",
  "Super",
  "MemberExpression",
  "CallExpression",
  "ArrayExpression",
  "TemplateLiteral",
]);

const specials: ReadonlyMap<string, Special> = new Map(
  [accessSpecials, callSpecials, classSpecials, functionSpecials, moduleSpecials, statementSpecials].flatMap((table) =>
    Object.entries(table),
  ),
);

/** Writes the two forms of the code of one module. */
export class Renderer {
  readonly file: string;
  readonly context: TransformContext;
  readonly #text: string;
  /** Temporaries of the generators that are being written, innermost last. */
  readonly #temporaries: string[][] = [];
  readonly #classes: Map<string, PrivateKind>[] = [];

  constructor(file: string, text: string, context: TransformContext) {
    this.file = file;
    this.#text = text;
    this.context = context;
  }

  render(node: Syntax, mode: Mode): string {
    if (node.type === "RawText") return node.text;
    const special = specials.get(node.type);
    return special?.(this, node as never, mode) ?? this.renderChildren(node, mode);
  }

  /** The node in front of a dot: its own parentheses, if it had any, are no part of it. */
  operand(node: Syntax, mode: Mode): string {
    const text = this.render(node, mode);
    return SELF_CONTAINED.has(node.type) ? text : `(${text})`;
  }

  /** The node's own text, with each of its children rendered. */
  renderChildren(node: AnyNode, mode: Mode): string {
    return this.splice(node, (child) => this.render(child, mode));
  }

  splice(node: AnyNode, replace: (child: AnyNode) => string): string {
    let text = "";
    let at = node.start;
    for (const child of childrenOf(node)) {
      text += this.#text.slice(at, child.start) + replace(child);
      at = child.end;
    }
    return text + this.#text.slice(at, node.end);
  }

  textOf(node: AnyNode): string {
    return this.#text.slice(node.start, node.end);
  }

  /** The number of the place in the source that a node stands at. */
  site(node: AnyNode): number {
    const { line = 0, column = 0 } = node.loc?.start ?? {};
    return this.context.sites.push({ file: this.file, line, column: column + 1 }) - 1;
  }

  unsupported(node: AnyNode, what: string): UnsupportedSyntax {
    return new UnsupportedSyntax(this.file, node, what);
  }

  /** A variable of the generator that is being written. */
  temporary(): string {
    const names = this.#temporaries.at(-1);
    if (names === undefined) throw new Error("a temporary outside of a function");
    const name = `$${this.#temporaries.length}_${names.length}`;
    names.push(name);
    return name;
  }

  /** Renders the inside of a generator; returns it with the declaration of its temporaries. */
  withTemporaries(render: () => string): { declaration: string; text: string } {
    const names: string[] = [];
    this.#temporaries.push(names);
    const text = render();
    this.#temporaries.pop();
    return { declaration: names.length === 0 ? "" : `let ${names.join(", ")}; `, text };
  }

  inClass(node: Class, render: () => string): string {
    this.#classes.push(privateKinds(node));
    const text = render();
    this.#classes.pop();
    return text;
  }

  privateKind(name: string): PrivateKind {
    return this.#classes.findLast((kinds) => kinds.has(name))?.get(name) ?? "field";
  }
}

function privateKinds(node: Class): Map<string, PrivateKind> {
  const kinds = new Map<string, PrivateKind>();
  for (const element of node.body.body) {
    if (element.type === "StaticBlock" || element.key.type !== "PrivateIdentifier") continue;
    if (element.type === "PropertyDefinition" || element.value.async) kinds.set(element.key.name, "field");
    else if (element.kind === "get") kinds.set(element.key.name, "getter");
    else if (element.kind === "method") kinds.set(element.key.name, element.value.generator ? "iterator" : "method");
  }
  return kinds;
}

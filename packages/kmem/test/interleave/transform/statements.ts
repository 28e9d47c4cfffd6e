import type { ForOfStatement, ObjectPattern, SequenceExpression, VariableDeclaration, VariableDeclarator } from "acorn";
import type { Mode, Renderer, Special } from "./renderer.ts";

/** A loop over an iterator of the library passes on what is no value: the iterator's wish to hand over control. */
function forOf(renderer: Renderer, node: ForOfStatement, mode: Mode): string | undefined {
  if (mode === "plain") return undefined;
  if (node.await) throw renderer.unsupported(node, "a loop that waits for promises");
  if (node.left.type === "MemberExpression") throw renderer.unsupported(node.left, "a loop that assigns to a member");
  const iterable = renderer.render(node.right, mode);
  const left = renderer.textOf(node.left);
  const body = renderer.render(node.body, mode);
  const passOn = "if ($item === $event) { yield $event; continue; }";
  return `for (const $item of $rt.iterable(${iterable})) { ${passOn} ${left} = $item; ${body} }`;
}

/** Names that a pattern reads through getters of the library. */
function gettersOf(renderer: Renderer, pattern: ObjectPattern): [name: string, variable: string][] {
  return pattern.properties.flatMap((property): [string, string][] => {
    if (property.type !== "Property" || property.key.type !== "Identifier" || property.value.type !== "Identifier") {
      return [];
    }
    const { name } = property.key;
    return renderer.context.getters.has(name) ? [[name, property.value.name]] : [];
  });
}

function declaration(renderer: Renderer, node: VariableDeclaration, mode: Mode): string | undefined {
  const { constants, usedConstants } = renderer.context;
  return renderer.splice(node, (child) => {
    const { id, init } = child as VariableDeclarator;
    if (id.type === "Identifier") {
      const key = `${renderer.file} ${id.name}`;
      const constant = constants.get(key);
      if (constant !== undefined) {
        usedConstants.add(key);
        return `${id.name} = ${constant}`;
      }
    }
    if (mode === "plain" || id.type !== "ObjectPattern" || init == null) return renderer.render(child, mode);
    const getters = gettersOf(renderer, id);
    if (getters.length === 0) return renderer.render(child, mode);
    const taken = new Set(getters.map(([, variable]) => variable));
    const others = id.properties.filter(
      (property) =>
        property.type !== "Property" || property.value.type !== "Identifier" || !taken.has(property.value.name),
    );
    const base = renderer.temporary();
    const pattern = `{ ${others.map((property) => renderer.render(property, mode)).join(", ")} }`;
    const reads = getters.map(
      ([name, variable]) =>
        `, ${variable} = (yield* $rt.read(${base}, "${name}", "${name}$g", ${renderer.site(child)}))`,
    );
    return `${pattern} = (${base} = ${renderer.render(init, mode)})${reads.join("")}`;
  });
}

/** It may become an argument, where its own commas would part it. */
function sequence(renderer: Renderer, node: SequenceExpression, mode: Mode): string {
  return `(${renderer.renderChildren(node, mode)})`;
}

export const statementSpecials: Readonly<Record<string, Special>> = {
  SequenceExpression: sequence,
  ForOfStatement: forOf,
  VariableDeclaration: declaration,
};

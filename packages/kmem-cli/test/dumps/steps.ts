import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
import { type AnyNode, parse } from "acorn";

const PACKAGES = new URL("../../../", import.meta.url);
const COUNTED: readonly string[] = ["kmem/src/", "kmem-cli/src/"].map((folder) => new URL(folder, PACKAGES).href);
const LIBRARY = new URL("kmem/", PACKAGES);

/** What is thrown into code that has done more steps than it may. */
export class TooManySteps extends Error {
  override readonly name = "TooManySteps";
}

/** Counts the turns of all loops and the calls of all short functions in the sources of both packages. */
export class StepBudget {
  #left = Number.POSITIVE_INFINITY;
  #limit = Number.POSITIVE_INFINITY;

  /** Begins anew, with so many steps. */
  begin(limit: number): void {
    this.#limit = limit;
    this.#left = limit;
  }

  get taken(): number {
    return this.#limit - this.#left;
  }

  get isExceeded(): boolean {
    return this.#left < 0;
  }

  take(): void {
    this.#left--;
    if (this.#left < 0) throw new TooManySteps(`more than ${this.#limit} steps`);
  }
}

type Edit = readonly [at: number, text: string];

function* editsOf(node: AnyNode): Generator<Edit> {
  const isLoop = /^(For|While|DoWhile|ForIn|ForOf)Statement$/.test(node.type);
  if (isLoop && "body" in node && node.body !== null && !Array.isArray(node.body)) {
    const body = node.body as AnyNode;
    yield [body.start, "{kmemSteps.take();"];
    yield [body.end, "}"];
  } else if (node.type === "ArrowFunctionExpression" && node.expression) {
    yield [node.body.start, "(kmemSteps.take(),("];
    yield [node.body.end, "))"];
  }
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === "object" && child !== null && "type" in child) yield* editsOf(child as AnyNode);
    }
  }
}

/** The code with its steps counted. */
export function countSteps(code: string): string {
  const edits = [...editsOf(parse(code, { ecmaVersion: "latest", sourceType: "module" }))];
  // Of two at one place the outer one stands first where they open, and last where they close.
  const ordered = edits.map((edit, order) => ({ edit, order })).sort((a, b) => a.edit[0] - b.edit[0]);
  let text = "";
  let from = 0;
  for (let index = 0; index < ordered.length; ) {
    const at = ordered[index]!.edit[0];
    text += code.slice(from, at);
    from = at;
    const here: Edit[] = [];
    for (; index < ordered.length && ordered[index]!.edit[0] === at; index++) here.push(ordered[index]!.edit);
    const closing = here.filter(([, insert]) => insert === "}" || insert === "))");
    const opening = here.filter(([, insert]) => insert !== "}" && insert !== "))");
    text += [...closing.reverse(), ...opening].map(([, insert]) => insert).join("");
  }
  return text + code.slice(from);
}

/** From now on modules are loaded from their sources with steps counted; the library's too, whoever imports it. */
export function countStepsOfModules(): StepBudget {
  const budget = new StepBudget();
  Object.assign(globalThis, { kmemSteps: budget });
  const manifest = JSON.parse(readFileSync(new URL("package.json", LIBRARY), "utf8")) as {
    exports: Record<string, string | { types: string }>;
  };
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== "kmem" && !specifier.startsWith("kmem/")) return next(specifier, context);
      const target = manifest.exports[`.${specifier.slice("kmem".length)}`];
      if (target === undefined || typeof target === "string") return next(specifier, context);
      const source = target.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts");
      return { url: new URL(source, LIBRARY).href, shortCircuit: true };
    },
    load(url, context, next) {
      if (!COUNTED.some((folder) => url.startsWith(folder)) || !url.endsWith(".ts")) return next(url, context);
      const code = stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8"), { mode: "strip" });
      return { format: "module", source: countSteps(code), shortCircuit: true };
    },
  });
  return budget;
}

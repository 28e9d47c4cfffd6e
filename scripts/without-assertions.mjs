// Takes the assertions out of what is published: out of the modules in packages/kmem/dist, and the modules that hold
// nothing else. `npm run build` ends with it. Run it as often as you like; with `--check` it writes nothing, and fails
// where there is something left to take out.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { argv, exit } from "node:process";
import { withoutAssertions } from "../packages/kmem-lab/dist/bundle/without-assertions.js";
import { root } from "./stages.mjs";

const dist = join(root, "packages", "kmem", "dist");
const assertModule = join("memory", "assert.js");
const isCheck = argv.includes("--check");

function modules() {
  return readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
}

/** The modules that a module imports. @param {string} name */
function importsOf(name) {
  const code = readFileSync(join(dist, name), "utf8");
  return [...code.matchAll(/\bfrom "(\.[^"]*)"/g)].map(([, path]) => resolve(dist, dirname(name), String(path)));
}

/** Takes the assertions out of a module; says whether there were some. @param {string} name */
function strip(name) {
  const code = readFileSync(join(dist, name), "utf8");
  const stripped = withoutAssertions(code);
  if (stripped !== code && !isCheck) writeFileSync(join(dist, name), stripped);
  return stripped !== code;
}

/** The modules that hold nothing but assertions: the one with the switch, and those that import it still. */
function assertionModules() {
  const imports = new Map(modules().map((name) => [name, importsOf(name)]));
  const isOne = (/** @type {string} */ name) =>
    name === assertModule || imports.get(name)?.includes(join(dist, assertModule)) === true;
  for (const [name, imported] of imports) {
    const needed = isOne(name) ? undefined : imported.find((path) => isOne(path.slice(dist.length + 1)));
    if (needed !== undefined) throw new Error(`${name} imports ${needed}, which is there for assertions alone`);
  }
  return [...imports.keys()].filter(isOne);
}

const stripped = modules().filter(strip);
const found = isCheck && stripped.length > 0 ? stripped : assertionModules();
if (isCheck && found.length > 0) {
  console.error(`assertions are left in ${found.join(", ")}: run npm run build`);
  exit(1);
}
for (const name of found) for (const suffix of ["", ".map"]) rmSync(join(dist, name + suffix), { force: true });

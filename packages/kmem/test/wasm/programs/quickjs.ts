import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from "quickjs-emscripten-core";

/** Objects, closures, regular expressions and JSON, in a JavaScript engine that counts references. */
const SCRIPT = `
(() => {
  const items = [];
  for (let i = 0; i < 1000; i++) {
    items.push({ id: i, name: "item " + (i * 7919) % 977, tags: ["a" + i % 7, "b" + i % 11] });
  }
  const groups = new Map();
  for (const { name, tags } of items) {
    for (const tag of tags) groups.set(tag, [...(groups.get(tag) ?? []).slice(-20), name]);
  }
  const text = JSON.stringify([...groups].sort()).replace(/item (\\d+)/g, (_, n) => n * 3);
  const tree = (depth) => (depth === 0 ? null : { left: tree(depth - 1), right: tree(depth - 1), depth });
  const count = (node) => (node === null ? 0 : 1 + count(node.left) + count(node.right));
  class Point { constructor(x) { this.x = x; } get twice() { return this.x * 2n; } }
  let sum = 0n;
  for (let i = 0; i < 500; i++) sum += new Point(BigInt(i) ** 20n).twice;
  return text.length + " " + text.slice(0, 200) + " " + count(tree(9)) + " " + sum;
})()
`;

/** QuickJS with its own allocator, or with one that whoever calls this has put in its place. */
export async function loadQuickJs(variant: QuickJSSyncVariant): Promise<QuickJSWASMModule> {
  return await newQuickJSWASMModuleFromVariant(variant);
}

export function workOfQuickJs(module: QuickJSWASMModule, scale = 1): string {
  const results: string[] = [];
  for (let round = 0; round < scale; round++) {
    const context = module.newContext();
    const result = context.unwrapResult(context.evalCode(SCRIPT));
    results.push(context.getString(result));
    result.dispose();
    context.dispose();
  }
  return results.join("\n");
}

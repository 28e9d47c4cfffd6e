import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder with programs that only `npm run test:programs` needs. */
const TOOLS_FOLDER = fileURLToPath(new URL("../../../../../tools/programs/", import.meta.url));

/** Installs those programs as their lock file says, where they are not there yet. Throws where npm fails. */
export function installTools(): void {
  if (existsSync(join(TOOLS_FOLDER, "node_modules"))) return;
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts"], { cwd: TOOLS_FOLDER, stdio: "inherit" });
  if (status !== 0) throw new Error(`npm ci in ${TOOLS_FOLDER} has failed`);
}

/** A file of one of those packages. */
export function toolFile(name: string, path: string): string {
  return join(TOOLS_FOLDER, "node_modules", name, path);
}

/** A module of one of those packages. */
export async function toolModule<Module>(name: string, path: string): Promise<Module> {
  return (await import(pathToFileURL(toolFile(name, path)).href)) as Module;
}

const SOURCE = `
class Node { next: Node | null = null; text: string = ""; data: StaticArray<i32> = new StaticArray<i32>(3); }
let head: Node | null = null;
  export function work(count: i32): i32 {
  let sum = 0;
  head = null;
  let list = new Array<string>();
  for (let i = 0; i < count; i++) {
    const one = new Node();
    one.text = "item " + i.toString();
    one.next = i % 7 ? head : null;
    head = one;
    list.push(one.text);
    if (list.length > 100) {
      for (let j = 0; j < list.length; j++) sum = sum * 31 + list[j].charCodeAt(5 + j % 2);
      list = new Array<string>();
    }
  }
  return sum;
}
`;

/** A program in AssemblyScript with its collector, compiled as for debugging: the names of its runtime are there. */
export function compileAssemblyScript(): Uint8Array<ArrayBuffer> {
  const folder = mkdtempSync(join(tmpdir(), "kmem-assemblyscript-"));
  try {
    const [source, output] = [join(folder, "program.ts"), join(folder, "program.wasm")];
    writeFileSync(source, SOURCE);
    const flags = ["program.ts", "--debug", "--runtime", "incremental", "--exportRuntime", "-o", "program.wasm"];
    const compiler = toolFile("assemblyscript", "bin/asc.js");
    const { status, stderr } = spawnSync(process.execPath, [compiler, ...flags], { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return Uint8Array.from(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

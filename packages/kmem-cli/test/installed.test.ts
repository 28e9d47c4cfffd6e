import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runProcess } from "../src/system/run-process.ts";
import { mallocEvent, mallocTrace } from "./trace/malloc-trace-bytes.ts";
import { withTempDir } from "./trace/support.ts";

const PACKAGES = fileURLToPath(new URL("../../", import.meta.url));
const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));

interface Manifest {
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Puts both packages, as they are published, and what they depend on, into an empty folder; answers the command. */
function install(folder: string): string {
  const modules = join(folder, "node_modules");
  const add = (name: string): void => {
    const target = join(modules, name);
    if (existsSync(target)) return;
    const isOurs = existsSync(join(PACKAGES, name, "package.json"));
    const source = join(isOurs ? PACKAGES : MODULES, name);
    const { files = [], dependencies = {} } = manifestOf(source);
    mkdirSync(target, { recursive: true });
    const parts = isOurs ? ["package.json", ...files.filter((file) => !file.startsWith("!"))] : ["."];
    for (const part of parts) cpSync(join(source, part), join(target, part), { recursive: true, dereference: true });
    for (const dependency of Object.keys(dependencies)) add(dependency);
  };
  add("kmem-cli");
  return join(modules, "kmem-cli", "bin", "kmem.js");
}

it("installed, replays on all allocators and makes a report, and says what is not there", async () => {
  await withTempDir(async (folder) => {
    const command = install(folder);
    const kmem = (...args: string[]): Promise<string> =>
      runProcess({ file: process.execPath, args: [command, ...args] });
    const trace = join(folder, "small.trace");
    writeFileSync(trace, mallocTrace([mallocEvent(0, 1, 100), mallocEvent(1, 1, 0)]));
    const replayed = await kmem("replay", "-a", "all", "--no-native", "--runs", "0", trace);
    expect(replayed).toMatch(/^ {2}kmem-fzpu +2 /m);
    expect(replayed).not.toContain("npm package");
  });
}, 300_000);

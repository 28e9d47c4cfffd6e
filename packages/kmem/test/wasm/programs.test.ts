import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import variant from "@jitl/quickjs-wasmfile-release-sync";
import type { QuickJSSyncVariant } from "quickjs-emscripten-core";
import { describe, expect, it } from "vitest";
import { checkHeap } from "../../src/index.ts";
import { WasmModule } from "../../src/wasm/binary/module.ts";
import { loadLua, workOfLua } from "./programs/lua.ts";
import { loadQuickJs, workOfQuickJs } from "./programs/quickjs.ts";
import { loadSqlite, workOfSqlite } from "./programs/sqlite.ts";
import { withAdoption } from "./support/adoption.ts";

const GLUE = "wasmoon/dist/glue.wasm";

/** Does a program's work with its own allocator, then on a heap, and compares. */
async function expectTheSame<Loaded>(
  load: () => Promise<Loaded>,
  work: (loaded: Loaded) => string | Promise<string>,
  merge = true,
): Promise<void> {
  const expected = await work(await load());
  const { loaded, program } = await withAdoption({ merge }, load);
  expect(await work(loaded)).toBe(expected);
  const { heap, counts, misuses, isBound } = program();
  expect(misuses).toEqual([]);
  expect(isBound).toBe(merge);
  // Most calls stay within the program, or all go to the imports.
  if (merge) expect(counts.freed).toBeLessThan(1000);
  else expect(counts.freed).toBeGreaterThan(1000);
  expect(checkHeap(heap)).toEqual({ isClean: true, findings: [] });
}

describe("a module from npm, as it is, on a heap", () => {
  it("is SQLite with a database in memory", async () => {
    await expectTheSame(loadSqlite, (sqlite) => workOfSqlite(sqlite, ":memory:"));
  });

  it("is SQLite with a file in Emscripten's file system, whose views follow the memory", async () => {
    await expectTheSame(loadSqlite, (sqlite) => workOfSqlite(sqlite, "/words.sqlite"));
  });

  it("is Lua, with emmalloc", async () => {
    await expectTheSame(loadLua, workOfLua);
  });

  it("is Lua, with all its calls going to the imports", async () => {
    await expectTheSame(loadLua, workOfLua, false);
  });

  it("is QuickJS, whose exports have lost their names", async () => {
    // Its types are those of the CommonJS build.
    const quickJs = variant as unknown as QuickJSSyncVariant;
    await expectTheSame(() => loadQuickJs(quickJs), workOfQuickJs);
  });
});

/** Does a program's work with every load and store checked, and returns what was told of it. */
async function checked<Loaded>(
  load: () => Promise<Loaded>,
  work: (loaded: Loaded) => string | Promise<string>,
): Promise<readonly string[]> {
  const expected = await work(await load());
  const { loaded, program } = await withAdoption({ check: "memcheck" }, load);
  expect(await work(loaded)).toBe(expected);
  const { heap, misuses } = program();
  expect(checkHeap(heap)).toEqual({ isClean: true, findings: [] });
  return misuses;
}

describe("a module from npm, as it is, with its loads and stores checked", () => {
  it("is SQLite, with nothing to be told", async () => {
    expect(await checked(loadSqlite, (sqlite) => workOfSqlite(sqlite, ":memory:"))).toEqual([]);
  });

  it("is QuickJS, with nothing to be told", async () => {
    const quickJs = variant as unknown as QuickJSSyncVariant;
    expect(await checked(() => loadQuickJs(quickJs), workOfQuickJs)).toEqual([]);
  });

  it("is Lua, whose glue uses a reference of a state that it has closed: that is told, and nothing else", async () => {
    const told = await checked(loadLua, workOfLua);
    // wasmoon closes its type extensions after the state: luaL_unref reads and writes what lua_close has freed.
    const module = new WasmModule(new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve(GLUE)))));
    const indexOf = (name: string): number => module.exports.find((one) => one.name === name)!.index;
    const [unref, close] = ["luaL_unref", "lua_close"].map((name) => `at function ${indexOf(name)} `);
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((text) => !text.includes(unref!) || !text.includes(close!))).toEqual([]);
  });
});

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { buildModule, I32, op } from "../support/module-builder.ts";
import { TOY_STATE, toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

/** A module that mutants are made of. */
export interface BaseModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const require = createRequire(import.meta.url);

/** A file of a package that is installed with the workspace. */
function packageFile(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}

/** Modules of many forms, a few hundred bytes each. */
export function smallModules(): BaseModule[] {
  const flags = [...op.i32(4), ...op.sub, ...op.load8(), ...op.i32(3), ...op.and];
  const calloc = wordFunction(2, [...op.get(0), ...op.get(1), ...op.mul, ...op.call(0), ...flags], { exportAs: "a" });
  const realloc = wordFunction(
    2,
    [
      ...[...op.get(0), ...op.i32(4), ...op.sub, ...op.load(), ...op.i32(-8), ...op.and, ...op.drop],
      ...[...op.get(1), ...op.call(0), ...op.get(0), ...op.call(1)],
    ],
    { name: "resize", exportAs: "b" },
  );
  const table = wordFunction(1, [...op.get(0), ...op.i32(0), 0x11, 0, 0], { exportAs: "indirect" });
  const initialize = {
    params: [],
    results: [],
    code: [...op.i32(TOY_STATE[0]!), ...op.i32(3), ...op.store()],
    exportAs: "c",
  };
  const many = Array.from({ length: 160 }, (_, index) =>
    wordFunction(0, index < 1 ? op.i32(0) : [...op.call(index + 1), ...op.i32(1), ...op.add], {
      exportAs: `f${index}`,
    }),
  );
  const rust = [toyMalloc({ name: "__rust_alloc" }), toyFree({ name: "__rust_dealloc" })].map((one, index) => ({
    ...one,
    params: index === 0 ? [I32, I32] : [I32, I32, I32],
    exportAs: `r${index}`,
  }));
  const functions = [toyMalloc(), toyFree()];
  const custom = [{ name: "metadata.code.branch_hint", bytes: [1, 2, 1, 4, 1, 0] }];
  const globals = [
    { value: 70_000, isMutable: true },
    { value: 80_000, isMutable: false, exportAs: "__heap_base" },
  ];
  const data = [{ address: 1024, bytes: [1, 2, 3, 4, 5, 6, 7, 8] }];
  return [
    { name: "plain", bytes: buildModule({ functions, custom, globals, data }) },
    { name: "shapes", bytes: buildModule({ functions: [...functions, calloc, realloc, initialize] }) },
    { name: "table", bytes: buildModule({ functions: [...functions, table], elements: [0, 1, 2] }) },
    { name: "many functions", bytes: buildModule({ functions: [...functions, ...many] }) },
    { name: "rust", bytes: buildModule({ functions: rust, memory: { pages: 2, maximum: 9 } }) },
  ];
}

/** Modules of programs that are installed with the workspace. */
export function programModules(): BaseModule[] {
  const paths = [
    packageFile("wasmoon", "dist/glue.wasm"),
    packageFile("@jitl/quickjs-wasmfile-release-sync", "dist/emscripten-module.wasm"),
    packageFile("@sqlite.org/sqlite-wasm", "dist/sqlite3.wasm"),
    packageFile("speedscope", "dist/release/jfrview_bg-BLJXNNQB.wasm"),
  ];
  return paths
    .filter((path) => existsSync(path))
    .map((path) => ({ name: path.split("/").at(-1)!, bytes: new Uint8Array(readFileSync(path)) }));
}

import process from "node:process";
import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { compileProgram } from "../../src/programs/compile-program.ts";
import { measurePrograms } from "../../src/programs/measure-programs.ts";
import { WASM_PROGRAMS } from "../../src/programs/programs.ts";

/** Why the programs cannot be compiled here; undefined where they can. */
const missing = await compileProgram("trees", "linked").then(
  () => undefined,
  (error: Error) => error.message,
);

describe.skipIf(missing !== undefined)(`WebAssembly programs${missing === undefined ? "" : ` (${missing})`}`, () => {
  it("do the same with either malloc", async () => {
    const { results, absentReason } = await measurePrograms(1);
    expect(absentReason).toBeUndefined();
    expect(results).toHaveLength(WASM_PROGRAMS.length * 2);
    for (const { callCount, roundMs } of results) {
      expect(callCount).toBeGreaterThan(10_000);
      expect(roundMs).toHaveLength(1);
    }
  }, 60_000);

  it("are compiled once", async () => {
    expect(await compileProgram("table", "imported")).toBe(await compileProgram("table", "imported"));
  });
});

describe("a program that cannot be compiled", () => {
  it("is told with the reason", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "";
    try {
      await withTempDir((folder) =>
        expect(compileProgram("trees", "imported", folder)).rejects.toThrow(
          "trees cannot be compiled to WebAssembly (clang, lld and wasi-libc do it): there is no clang",
        ),
      );
    } finally {
      process.env["PATH"] = path;
    }
  });
});

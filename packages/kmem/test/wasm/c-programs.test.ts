import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkHeap } from "../../src/index.ts";
import { Section } from "../../src/wasm/binary/layout.ts";
import { WasmModule } from "../../src/wasm/binary/module.ts";
import { readNames } from "../../src/wasm/binary/names.ts";
import { Adoption } from "./support/adoption.ts";
import { clangFault, compileProgram } from "./support/clang.ts";
import { TinyWasi } from "./support/wasi.ts";

const missing = clangFault();
const note = missing === undefined ? "" : ` (${missing})`;

/** What a program prints with its own allocator. */
function ownOutput(bytes: Uint8Array): string {
  return new TinyWasi().run(Uint8Array.from(bytes), {});
}

function adoptedRun(bytes: Uint8Array, merge = true) {
  const adoption = new Adoption({ merge });
  const prepared = adoption.prepared(bytes, {});
  const output = new TinyWasi().run(prepared.bytes, prepared.imports, (exports) => adoption.attachExports(exports));
  return { output, ...adoption.program };
}

/** The functions of the program itself. */
const OWN_FUNCTIONS: ReadonlySet<string> = new Set([
  "pushed",
  "popped",
  "aligned_sum",
  "__main_void",
  "__original_main",
]);
/** A byte of a function that is beyond its locals. */
const INTO_BODY_BYTES = 24;

/** What debug information says of the program's own functions, each at the byte where a stack trace may point to. */
function lookedUp(bytes: Uint8Array): string[] {
  const folder = mkdtempSync(join(tmpdir(), "kmem-dwarf-"));
  try {
    const file = join(folder, "program.wasm");
    writeFileSync(file, bytes);
    const module = new WasmModule(bytes);
    const code = module.sections.find(({ id }) => id === Section.CODE)!;
    return [...readNames(module).functions]
      .filter(([, name]) => OWN_FUNCTIONS.has(name))
      .map(([index, name]) => {
        const start = module.bodyStarts[index - module.importedFunctionCount]!;
        const offset = `0x${(start + INTO_BODY_BYTES - code.start).toString(16)}`;
        const { stdout } = spawnSync("llvm-dwarfdump", [`--lookup=${offset}`, file], { encoding: "utf8" });
        return `${name} ${stdout.slice(stdout.indexOf("\n"))}`;
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(missing !== undefined)(`C programs with wasi-libc's dlmalloc${note}`, () => {
  it.each(["-O0", "-O2 -g", "-O2 -Wl,--strip-all", "-Os -Wl,--strip-all -Wl,--compress-relocations"])(
    "print the same on a heap, compiled with %s",
    (flags) => {
      const bytes = compileProgram("lists", flags.split(" "));
      for (const merge of [true, false]) {
        const { output, heap, counts, misuses, isBound } = adoptedRun(bytes, merge);
        expect(output).toBe(ownOutput(bytes));
        expect(misuses).toEqual([]);
        expect(isBound).toBe(merge);
        expect(counts.freed > 5000).toBe(!merge);
        expect(checkHeap(heap)).toEqual({ isClean: true, findings: [] });
      }
    },
  );

  it("are found without a single name, by what their functions do", () => {
    const bytes = compileProgram("lists", ["-O2", "-Wl,--strip-all"]);
    const { adopted } = adoptedRun(bytes);
    expect(adopted.found.map(({ role, evidence }) => [role, evidence])).toEqual([
      ["malloc", "state"],
      ["free", "state"],
      ["memalign", "shape"],
      ["realloc", "shape"],
      ["malloc_usable_size", "shape"],
    ]);
    expect(adopted.flagsTestCount).toBe(1);
  });

  it("keep their debug information: each function is looked up in the same lines", () => {
    const bytes = compileProgram("lists", ["-O0", "-g"]);
    const { adopted } = adoptedRun(bytes);
    expect(adopted.areCodeOffsetsKept).toBe(true);
    const [before, after] = [lookedUp(bytes), lookedUp(adopted.bytes)];
    expect(after).toEqual(before);
    expect(before.filter((text) => text.includes("lists.c")).length).toBeGreaterThanOrEqual(3);
  });
});

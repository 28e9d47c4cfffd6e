import { describe, expect, it } from "vitest";
import { adopt, type Role } from "../../../src/wasm/index.ts";
import { buildModule, I32, op } from "../support/module-builder.ts";
import { instantiated, TOY_STATE } from "../support/toy-allocator.ts";

/** Every variable of the toy's, so that malloc and free share them. */
const touch = TOY_STATE.flatMap((address) => [...op.i32(address), ...op.load(), ...op.drop]);

/** A function of an allocator that is exported by its role. */
function part(role: Role, params: number, hasResult: boolean) {
  return {
    params: Array.from({ length: params }, () => I32),
    results: hasResult ? [I32] : [],
    code: [...touch, ...(hasResult ? op.get(0) : [])],
    exportAs: role,
  };
}

function adopted(functions: readonly ReturnType<typeof part>[]) {
  const roles = Object.fromEntries(functions.map(({ exportAs }) => [exportAs, exportAs]));
  return instantiated(adopt(buildModule({ functions }), { functions: roles }));
}

describe("Rust's functions", () => {
  const rust = (): ReturnType<typeof adopted> =>
    adopted([
      part("rust_alloc", 2, true),
      part("rust_dealloc", 3, false),
      part("rust_realloc", 4, true),
      part("rust_alloc_zeroed", 2, true),
    ]);

  it("allocate with their alignment, and free", () => {
    const { exported, calls } = rust();
    const address = exported["rust_alloc"]!(100, 64);
    expect(Number(address) % 64).toBe(0);
    exported["rust_dealloc"]!(address, 100, 64);
    expect(calls).toEqual(["aligned_alloc(64, 100)", `free(${address})`]);
  });

  it("resize in place what a block's alignment is enough for", () => {
    const { exported, calls } = rust();
    exported["rust_realloc"]!(0x9000, 10, 16, 30);
    expect(calls).toEqual(["realloc(36864, 30)"]);
  });

  it("move what needs more, with no more bytes than both have", () => {
    const { exported, calls, memory } = rust();
    const bytes = new Uint8Array(memory.buffer);
    bytes.fill(7, 0x9000, 0x9000 + 200);
    const grown = Number(exported["rust_realloc"]!(0x9000, 100, 128, 150));
    expect([...bytes.subarray(grown, grown + 150)]).toEqual([...Array(100).fill(7), ...Array(50).fill(0)]);
    const shrunk = Number(exported["rust_realloc"]!(0x9000, 100, 128, 20));
    expect([...bytes.subarray(shrunk, shrunk + 21)]).toEqual([...Array(20).fill(7), 0]);
    expect(calls.map((call) => call.split("(")[0])).toEqual(["aligned_alloc", "free", "aligned_alloc", "free"]);
  });

  it("clear what is to be zero", () => {
    const { exported, memory } = rust();
    new Uint8Array(memory.buffer).fill(9, 0x8000, 0x8100);
    const address = Number(exported["rust_alloc_zeroed"]!(32, 8));
    expect([...new Uint8Array(memory.buffer, address, 33)]).toEqual([...Array(32).fill(0), 9]);
  });
});

describe("AssemblyScript's functions", () => {
  const assemblyScript = (): ReturnType<typeof adopted> =>
    adopted([
      part("assemblyscript_alloc", 1, true),
      part("assemblyscript_free", 1, false),
      part("assemblyscript_realloc", 2, true),
    ]);

  it("leave the size before a block, as the collector reads it", () => {
    const { exported, memory } = assemblyScript();
    for (const [size, payload] of [
      [0, 12],
      [12, 12],
      [13, 28],
      [100, 108],
    ]) {
      const address = Number(exported["assemblyscript_alloc"]!(size));
      expect(address % 16).toBe(0);
      expect(new DataView(memory.buffer).getUint32(address - 4, true)).toBe(payload);
    }
  });

  it("trap for sizes above those that the allocator itself aborts for, which would wrap with the room", () => {
    const { exported, calls } = assemblyScript();
    const most = 2 ** 30 - 4;
    for (const size of [most + 1, 2 ** 31, -20, -19, -1]) {
      expect(() => exported["assemblyscript_alloc"]!(size)).toThrow(WebAssembly.RuntimeError);
      expect(() => exported["assemblyscript_realloc"]!(0x9010, size)).toThrow(WebAssembly.RuntimeError);
    }
    expect(calls).toEqual([]);
    expect(exported["assemblyscript_realloc"]!(0x9010, most)).toBe(0x8010);
    expect(calls).toEqual([`realloc(36864, ${most + 16})`]);
  });

  it("free and resize the block with its room, and let static data be", () => {
    const { exported, calls } = assemblyScript();
    exported["assemblyscript_free"]!(3000);
    exported["assemblyscript_realloc"]!(0x9010, 40);
    exported["assemblyscript_free"]!(0x2_0010);
    expect(calls).toEqual(["realloc(36864, 60)", "free(131072)"]);
  });

  it("are all that is replaced where the program exports functions of its own as malloc and free", () => {
    const named = (name: string, one: ReturnType<typeof part>) => ({ ...one, name, exportAs: `${name} itself` });
    const functions = [
      named("~lib/rt/tlsf/__alloc", part("assemblyscript_alloc", 1, true)),
      named("~lib/rt/tlsf/__free", part("assemblyscript_free", 1, false)),
      { params: [I32], results: [I32], code: [...op.get(0), ...op.call(0)], name: "r/malloc", exportAs: "malloc" },
      { params: [I32], results: [], code: [...op.get(0), ...op.call(1)], name: "r/free", exportAs: "free" },
    ];
    const adopted = adopt(buildModule({ functions }));
    expect(adopted.found.map(({ role, functionIndex }) => [role, functionIndex])).toEqual([
      ["assemblyscript_alloc", 0],
      ["assemblyscript_free", 1],
    ]);
    const { exported, calls } = instantiated(adopted);
    const free = exported["~lib/rt/tlsf/__free itself"]!;
    exported["free"]!(Number(exported["malloc"]!(40)) + 0x2_0000);
    free(Number(exported["malloc"]!(40)) + 0x2_0000);
    expect(calls).toEqual(["malloc(60)", "free(163840)", "malloc(60)", "free(163904)"]);
  });

  it("are found where the program exports them as malloc and free", () => {
    const functions = [
      { ...part("assemblyscript_alloc", 1, true), name: "~lib/rt/tlsf/__alloc", exportAs: "malloc" },
      { ...part("assemblyscript_free", 1, false), name: "~lib/rt/tlsf/__free", exportAs: "free" },
    ];
    const { found } = adopt(buildModule({ functions }));
    expect(found.map(({ role }) => role)).toEqual(["assemblyscript_alloc", "assemblyscript_free"]);
  });
});

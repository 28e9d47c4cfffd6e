import { describe, expect, it } from "vitest";
import { adopt } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { Adoption } from "../support/adoption.ts";
import { clangFault, linkedProgram } from "../support/clang.ts";
import { type BuiltFunction, buildModule, I32, op } from "../support/module-builder.ts";
import { TinyWasi } from "../support/wasi.ts";

/** As many variables as functions without names have to share. */
const STATE = [2000, 2004, 2008, 2012, 2016, 2020, 2024, 2028];
const OUTSIDE = 4000;
const touched = STATE.flatMap((address) => [...op.i32(address), ...op.i32(address), ...op.load(), ...op.store()]);
const rounded = (size: readonly number[], plus = 19): number[] => [
  ...size,
  ...op.i32(plus),
  ...op.add,
  ...op.i32(-16),
  ...op.and,
];
/** A chunk with a header, whose block becomes the local 2. */
const chunkOf = (sizeOfChunk: readonly number[]): number[] => [
  ...touched,
  ...op.i32(2000),
  ...op.load(),
  ...op.tee(1),
  ...sizeOfChunk,
  ...op.store(4),
  ...op.get(1),
  ...op.i32(8),
  ...op.add,
  ...op.set(2),
];
const malloc = chunkOf(rounded(op.get(0)));
const ifTrue = (condition: readonly number[], then: readonly number[]): number[] => [
  ...condition,
  ...op.ifVoid,
  ...then,
  ...op.end,
];
const header = [...op.get(0), ...op.i32(4), ...op.sub, ...op.load(), ...op.i32(-8), ...op.and];
const free = [...header, ...op.set(1), ...touched, ...op.get(0), ...op.get(1), ...op.store()];

function adopted(mallocCode: readonly number[], freeCode: readonly number[] = free) {
  const functions: BuiltFunction[] = [
    { params: [I32], results: [I32], locals: 3, code: mallocCode, exportAs: "a" },
    { params: [I32], results: [], locals: 2, code: freeCode, exportAs: "b" },
    { params: [I32], results: [I32], code: [...op.get(0), ...op.load8()] },
  ];
  return adopt(buildModule({ functions }));
}

const reasonOf = (...codes: Parameters<typeof adopted>): unknown => thrownBy(() => adopted(...codes)).details["reason"];

describe("malloc and free without names", () => {
  it("are found where they do nothing else", () => {
    const { found } = adopted([...malloc, ...op.get(2)]);
    expect(found.map(({ role, evidence }) => [role, evidence])).toEqual([
      ["malloc", "state"],
      ["free", "state"],
    ]);
  });

  it.each([
    // A copy of a string, whose length is measured by a function or on the spot.
    ["measures what its argument points to", [...op.get(0), ...op.call(2), ...op.drop, ...malloc, ...op.get(2)]],
    ["reads what its argument points to", [...op.get(0), ...op.load8(1), ...op.drop, ...malloc, ...op.get(2)]],
    ["reads it by a copy", [...op.get(0), ...op.tee(3), ...op.load8(), ...op.drop, ...malloc, ...op.get(2)]],
    // Members of what it returns are set: always, or where there was memory.
    ["sets a member", [...malloc, ...op.get(2), ...op.i32(7), ...op.store(4), ...op.get(2)]],
    [
      "sets a member on one way",
      [...malloc, ...ifTrue(op.get(2), [...op.get(2), ...op.i32(0), ...op.store()]), ...op.get(2)],
    ],
    ["fills the block", [...malloc, ...op.get(2), ...op.i32(0), ...op.get(0), 0xfc, 11, 0, ...op.get(2)]],
    ["keeps the block", [...malloc, ...op.i32(OUTSIDE), ...op.get(2), ...op.store(), ...op.get(2)]],
    ["allocates a constant size", [...chunkOf(op.i32(48)), ...op.get(2)]],
    ["allocates so many members", [...chunkOf(rounded([...op.get(0), ...op.i32(12), ...op.mul])), ...op.get(2)]],
    ["allocates four bytes more", [...chunkOf(rounded(op.get(0), 23)), ...op.get(2)]],
    ["has code that is not understood", [...malloc, 0x06, 0x40, 0x19, ...op.end, ...op.get(2)]],
  ])("are refused where what allocates %s", (_what, code) => {
    expect(reasonOf(code)).toBe("inlined");
  });

  it.each([
    ["reads the block", [...op.i32(OUTSIDE), ...op.get(0), ...op.load(), ...op.store(), ...free]],
    ["hands the block on", [...op.get(0), ...op.call(2), ...op.drop, ...free]],
    ["keeps the block", [...op.i32(OUTSIDE), ...op.get(0), ...op.store(), ...free]],
  ])("are refused where what frees %s", (_what, code) => {
    const error = thrownBy(() => adopted([...malloc, ...op.get(2)], code));
    expect(error.details).toEqual({ reason: "inlined", missing: ["malloc", "free"], functions: [1] });
    expect(error.message).toContain("without -O");
  });

  it("are refused where more values than are looked at may be the block", () => {
    const COUNT = 26;
    const sums = Array.from({ length: COUNT }, (_, bit) =>
      ifTrue([...op.i32(2000), ...op.load()], [...op.get(2), ...op.i32(2 ** bit), ...op.add, ...op.set(2)]),
    );
    expect(reasonOf([...malloc, ...sums.flat(), ...op.get(2)])).toBe("inlined");
  });

  it("are followed through locals that hold something else by then", () => {
    const other = [...op.i32(2000), ...op.load(), ...op.set(0), ...op.get(0), ...op.i32(1), ...op.store(12)];
    expect(adopted([...malloc, ...other, ...op.get(2)]).found).toHaveLength(2);
    const onOneWay = ifTrue(op.get(1), [...op.get(2), 0x0f]);
    expect(adopted([...malloc, ...onOneWay, ...other, ...op.get(2)]).found).toHaveLength(2);
  });
});

describe("realloc without a name", () => {
  const realloc = (size: readonly number[]): BuiltFunction => ({
    params: [I32, I32],
    results: [I32],
    code: [
      ...[...header, ...rounded(size), ...op.add, ...op.load(), ...op.drop],
      ...[...op.get(0), ...op.call(1), ...op.get(1), ...op.call(0)],
    ],
    exportAs: "c",
  });
  const withRealloc = (size: readonly number[]): Uint8Array => moduleWith(realloc(size));
  const moduleWith = (last: BuiltFunction): Uint8Array =>
    buildModule({
      functions: [
        { params: [I32], results: [I32], locals: 3, code: [...malloc, ...op.get(2)], exportAs: "malloc" },
        { params: [I32], results: [], locals: 2, code: free, exportAs: "free" },
        last,
      ],
    });

  it("is found by its shape where the size that it rounds is its argument", () => {
    const { found } = adopt(withRealloc(op.get(1)));
    expect(found.find(({ role }) => role === "realloc")?.evidence).toBe("shape");
    const error = thrownBy(() => adopt(withRealloc([...op.get(1), ...op.i32(12), ...op.mul])));
    expect(error.details).toMatchObject({ reason: "left", left: [{ functionIndex: 2, uses: "header" }] });
  });

  /** Rust's, which compares its alignment, or whatever local 4 holds, with 9. */
  const rustRealloc = (copying: readonly number[]): BuiltFunction => ({
    params: [I32, I32, I32, I32],
    results: [I32],
    locals: 1,
    code: [
      ...[...copying, ...header, ...rounded(op.get(3)), ...op.add, ...op.load(), ...op.drop],
      ...[...op.get(4), ...op.i32(9), ...op.lessOrEqual, ...op.drop],
      ...[...op.get(0), ...op.call(1), ...op.get(3), ...op.call(0)],
    ],
    exportAs: "c",
  });

  it("is found where it is Rust's and an optimizer has copied its alignment", () => {
    const { found } = adopt(moduleWith(rustRealloc([...op.get(2), ...op.set(4)])));
    expect(found.find(({ role }) => role === "rust_realloc")?.evidence).toBe("shape");
    const error = thrownBy(() => adopt(moduleWith(rustRealloc([...op.get(1), ...op.set(4)]))));
    expect(error.details).toMatchObject({ reason: "left", left: [{ functionIndex: 2, uses: "header" }] });
  });
});

/** In the global 0. */
const COUNTS = [0x23, 0, ...op.i32(1), ...op.add, 0x24, 0];
/** Calls through the table, by the type (i32) → (), which is the module's second one. */
const HOOKED = [...op.i32(1), ...op.i32(0), 0x11, 1, 0];

describe("emmalloc's realloc without a name", () => {
  const [BLOCK, SIZE, ROUNDED, CHUNK, COPY] = [0, 1, 2, 3, 4];
  const ifZero = (local: number, then: readonly number[]): number[] => ifTrue([...op.get(local), 0x45], then);
  const returning = (...code: readonly (readonly number[])[]): number[] => [...code.flat(), ...op.return];
  const allocates = returning(op.get(SIZE), op.call(0));
  const frees = returning(op.get(BLOCK), op.call(1), op.i32(0));
  const limited = (limit: number): number[] => ifTrue([...op.get(SIZE), ...op.i32(limit), 0x4b], returning(op.i32(0)));
  const sizes = [
    ...[...op.get(SIZE), ...op.i32(3), ...op.add, ...op.i32(-4), ...op.and, ...op.set(ROUNDED)],
    ...[...op.get(BLOCK), ...op.i32(4), ...op.sub, ...op.load(), ...op.set(CHUNK)],
  ];
  const uses = [...op.i32(2004), ...op.get(CHUNK), ...op.store()];
  const moves = [
    ...[...op.get(ROUNDED), ...op.call(0), ...op.tee(COPY), ...op.get(BLOCK), ...op.get(CHUNK), 0xfc, 10, 0, 0],
    ...[...op.get(BLOCK), ...op.call(1), ...op.get(COPY)],
  ];
  const NOTE = 3;
  const COPYING = 4;
  const moduleWith = (code: readonly number[]): Uint8Array<ArrayBuffer> =>
    buildModule({
      globals: [{ value: 0, isMutable: true }],
      elements: [NOTE],
      functions: [
        { params: [I32], results: [I32], locals: 3, code: [...malloc, ...op.get(2)], exportAs: "malloc" },
        { params: [I32], results: [], locals: 2, code: free, exportAs: "free" },
        { params: [I32, I32], results: [I32], locals: 3, code, exportAs: "c" },
        { params: [I32], results: [], code: [] },
        { params: [I32, I32, I32], results: [I32], code: op.get(0) },
      ],
    });
  const starts = [...ifZero(BLOCK, allocates), ...ifZero(SIZE, frees)];

  const passed = [...starts, ...limited(-57), ...sizes, ...uses];
  /** Moves by another function than memory.copy. */
  const movesBy = (...code: readonly (readonly number[])[]): number[] => [
    ...[...op.get(ROUNDED), ...op.call(0), ...op.set(COPY), ...code.flat()],
    ...[...op.get(BLOCK), ...op.call(1), ...op.get(COPY)],
  ];

  it.each([
    ["by an instruction", moves],
    ["by a function", movesBy(op.get(COPY), op.get(BLOCK), op.get(CHUNK), op.call(COPYING), op.drop)],
  ])("is found by what it does where it copies %s", (_, moving) => {
    const module = moduleWith([...passed, ...moving]);
    expect(WebAssembly.validate(module)).toBe(true);
    expect(adopt(module).found.find(({ role }) => role === "realloc")?.evidence).toBe("shape");
  });

  it.each([
    ["takes other sizes", [...starts, ...limited(-64), ...sizes, ...uses, ...moves]],
    [
      "allocates another size where there is no block",
      [...ifZero(SIZE, frees), ...limited(-57), ...sizes, ...uses, ...moves],
    ],
    ["frees another block", [...starts, ...limited(-57), ...sizes, ...uses, ...op.get(SIZE), ...op.call(1), ...moves]],
    [
      "writes a variable of its own",
      [...starts, ...limited(-57), ...sizes, ...uses, ...op.i32(OUTSIDE), ...op.get(SIZE), ...op.store(), ...moves],
    ],
    [
      "reads the block",
      [...starts, ...limited(-57), ...sizes, ...uses, ...op.get(BLOCK), ...op.load(), ...op.drop, ...moves],
    ],
    [
      "keeps the block",
      [...starts, ...limited(-57), ...sizes, ...uses, ...op.i32(2004), ...op.get(BLOCK), ...op.store(), ...moves],
    ],
    ["copies nothing, but tells of the block", [...passed, ...movesBy(op.get(BLOCK), op.call(NOTE))]],
    [
      "copies the other way",
      [...passed, ...movesBy(op.get(BLOCK), op.get(COPY), op.get(CHUNK), op.call(COPYING), op.drop)],
    ],
    ["copies nothing", [...passed, ...movesBy()]],
    ["counts in a global", [...passed, ...COUNTS, ...moves]],
    ["calls through a table", [...passed, ...HOOKED, ...moves]],
  ])("is not what %s", (_, code) => {
    const module = moduleWith(code);
    expect(WebAssembly.validate(module)).toBe(true);
    const { details } = thrownBy(() => adopt(module));
    expect(details).toMatchObject({ reason: "left", left: [{ functionIndex: 2, uses: "state" }] });
  });
});

describe("posix_memalign without a name", () => {
  const [PLACE, ALIGNMENT, SIZE, BLOCK] = [0, 1, 2, 3];
  const sized = [...op.get(BLOCK), ...op.i32(4), ...op.sub, ...op.load(), ...op.i32(-8), ...op.and];
  const aligned = [
    ...[...op.get(ALIGNMENT), ...op.i32(16), ...op.lessOrEqual, ...op.drop],
    ...[...rounded(op.get(SIZE)), ...op.get(ALIGNMENT), ...op.add, ...op.call(0), ...op.set(BLOCK)],
    // What is behind the block is given back.
    ...[...op.get(BLOCK), ...sized, ...op.add, ...op.call(1)],
  ];
  const kept = [...op.get(PLACE), ...op.get(BLOCK), ...op.store()];
  const noting = (address: number, value: number): number[] => [...op.i32(address), ...op.i32(value), ...op.store()];
  const moduleWith = (code: readonly number[]): Uint8Array<ArrayBuffer> =>
    buildModule({
      globals: [{ value: 0, isMutable: true }],
      elements: [3],
      functions: [
        { params: [I32], results: [I32], locals: 3, code: [...malloc, ...op.get(2)], exportAs: "malloc" },
        { params: [I32], results: [], locals: 2, code: free, exportAs: "free" },
        { params: [I32, I32, I32], results: [I32], locals: 2, code, exportAs: "c" },
        { params: [I32], results: [], code: [] },
      ],
    });

  it.each([
    ["it does nothing else", [...aligned, ...kept, ...op.i32(0)]],
    [
      "it says that there is no memory",
      [
        ...[...aligned, ...op.get(BLOCK), ...op.ifVoid, ...kept, ...op.i32(0), ...op.return, ...op.end],
        ...[...op.i32(OUTSIDE), ...op.i32(48), ...op.store(), ...op.i32(48)],
      ],
    ],
  ])("is found where %s", (_, code) => {
    const module = moduleWith(code);
    expect(WebAssembly.validate(module)).toBe(true);
    expect(adopt(module).found.find(({ role }) => role === "posix_memalign")?.evidence).toBe("shape");
  });

  it.each([
    ["returns the block", [...aligned, ...kept, ...op.get(BLOCK)]],
    ["stores it nowhere", [...aligned, ...op.i32(0)]],
    [
      "stores it elsewhere, too",
      [...aligned, ...kept, ...op.i32(OUTSIDE), ...op.get(BLOCK), ...op.store(), ...op.i32(0)],
    ],
    ["writes into it", [...aligned, ...kept, ...op.get(BLOCK), ...op.i32(1), ...op.store(4), ...op.i32(0)]],
    ["fills it", [...aligned, ...kept, ...op.get(BLOCK), ...op.i32(0), ...op.get(SIZE), 0xfc, 11, 0, ...op.i32(0)]],
    ["counts", [...aligned, ...kept, ...op.i32(OUTSIDE), ...op.get(SIZE), ...op.store(), ...op.i32(0)]],
    ["reads a variable", [...aligned, ...kept, ...op.i32(OUTSIDE), ...op.load(), ...op.drop, ...op.i32(0)]],
    ["reads what is at the place", [...op.get(PLACE), ...op.load(), ...op.drop, ...aligned, ...kept, ...op.i32(0)]],
    [
      "stores a size behind the place",
      [...aligned, ...kept, ...op.get(PLACE), ...op.get(SIZE), ...op.store(4), ...op.i32(0)],
    ],
    ["calls another function", [...aligned, ...kept, ...op.get(SIZE), ...op.call(3), ...op.i32(0)]],
    ["counts in a global", [...aligned, ...kept, ...COUNTS, ...op.i32(0)]],
    ["calls through a table", [...aligned, ...kept, ...HOOKED, ...op.i32(0)]],
    ["writes where a global points", [...aligned, ...kept, 0x23, 0, ...op.get(SIZE), ...op.store(), ...op.i32(0)]],
    ["writes where its size points", [...aligned, ...kept, ...op.get(SIZE), ...op.i32(1), ...op.store(), ...op.i32(0)]],
    ["writes what is no error", [...aligned, ...kept, ...noting(OUTSIDE, 7), ...op.i32(0)]],
    ["writes two errors", [...aligned, ...kept, ...noting(OUTSIDE, 48), ...noting(OUTSIDE + 4, 48), ...op.i32(0)]],
    ["grows the memory", [...aligned, ...kept, ...op.i32(1), 0x40, 0, ...op.drop, ...op.i32(0)]],
    ["fills memory", [...aligned, ...kept, ...op.i32(OUTSIDE), ...op.i32(0), ...op.i32(8), 0xfc, 11, 0, ...op.i32(0)]],
  ])("is not what %s", (_, code) => {
    const module = moduleWith(code);
    expect(WebAssembly.validate(module)).toBe(true);
    const { details } = thrownBy(() => adopt(module));
    expect(details).toMatchObject({ reason: "left", left: [{ functionIndex: 2, uses: "header" }] });
  });
});

const missing = clangFault();

describe.skipIf(missing !== undefined)("a C program that clang has linked with -Os", () => {
  it("is refused where an optimizer has mixed malloc with what calls it, or returns what it returned", () => {
    const bytes = linkedProgram("copies", ["-Os"]);
    const adoption = new Adoption({});
    try {
      adoption.prepared(bytes, {});
    } catch (error) {
      expect(error).toMatchObject({ code: "CANNOT_ADOPT", details: { reason: "inlined" } });
      return;
    }
    const prepared = adoption.prepared(bytes, {});
    const output = new TinyWasi().run(prepared.bytes, prepared.imports, (exports) => adoption.attachExports(exports));
    expect(output).toBe(new TinyWasi().run(Uint8Array.from(bytes), {}));
  });
});

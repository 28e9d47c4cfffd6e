import { describe, expect, it } from "vitest";
import { adopt } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { type BuiltFunction, buildModule, I32, leb, op } from "../support/module-builder.ts";
import { instantiated, toyFree, toyMalloc } from "../support/toy-allocator.ts";

const [MALLOC, FREE, PANIC] = [0, 1, 2];
const OUTSIDE = 4000;
const GREATER = [0x4b];
const GREATER_OR_EQUAL = [0x4f];
const SELECT = [0x1b];
const branch = (depth: number): number[] => [0x0c, depth];
const branchIf = (depth: number): number[] => [0x0d, depth];
const block = (...code: readonly (readonly number[])[]): number[] => [0x02, 0x40, ...code.flat(), ...op.end];
const ifTrue = (...code: readonly (readonly number[])[]): number[] => [...op.ifVoid, ...code.flat(), ...op.end];
const headerOf = (pointer: readonly number[]): number[] => [...pointer, ...op.i32(4), ...op.sub, ...op.load()];
const panics = [...op.i32(7), ...op.call(PANIC), ...op.unreachable];

/** Rust's check of a size before it frees, of `pointer`, with two locals that it may use. */
function checked(pointer: readonly number[], size: readonly number[], [flags, rest]: readonly [number, number]) {
  const least = [...op.i32(4), ...op.i32(8), ...op.get(flags), ...op.i32(3), ...op.and, ...op.tee(flags), ...SELECT];
  return {
    isLargeEnough: [
      ...[...headerOf(pointer), ...op.tee(flags), ...op.i32(-8), ...op.and, ...op.tee(rest)],
      ...[...least, ...size, ...op.add, ...GREATER_OR_EQUAL],
    ],
    isTooLarge: [
      ...[...op.get(flags), ...op.i32(0), ...op.get(rest), ...size, ...op.i32(39), ...op.add],
      ...[...GREATER, ...SELECT],
    ],
  };
}

const panic: BuiltFunction = { params: [I32], results: [], code: [...op.unreachable] };
const word = (count: number): number[] => Array.from({ length: count }, () => I32);

function moduleWith(...functions: readonly BuiltFunction[]): Uint8Array<ArrayBuffer> {
  return buildModule({ functions: [toyMalloc(), toyFree(), panic, ...functions] });
}

const { isLargeEnough, isTooLarge } = checked(op.get(0), op.get(1), [3, 4]);
const freed = [...op.get(0), ...op.call(FREE)];
const deallocating = (then: readonly number[]): number[] =>
  block(block([...isLargeEnough, ...ifTrue(isTooLarge, branchIf(1), then, branch(2))], panics), panics);
const dealloc = deallocating(freed);

function deallocWith(code: readonly number[], parameters = 3): BuiltFunction {
  return { params: word(parameters), results: [], locals: 5, code, exportAs: "dealloc" };
}

describe("Rust's dealloc without a name", () => {
  it.each([
    ["with its alignment", 3],
    ["without it, which it does not use", 2],
  ])("is found %s", (_, parameters) => {
    const adopted = adopt(moduleWith(deallocWith(deallocShifted(parameters), parameters)));
    expect(adopted.found.map(({ role, evidence }) => `${role} ${evidence}`)).toContain("rust_dealloc shape");
    const { exported, calls } = instantiated(adopted);
    exported["dealloc"]!(0x8000, 24, 8);
    expect(calls).toEqual(["free(32768)"]);
  });

  const store = [...op.i32(OUTSIDE), ...op.i32(42), ...op.store()];
  it.each([
    ["stores something", [...store, ...dealloc]],
    ["stores something when it has freed", deallocating([...freed, ...store])],
    ["reads the block", [...op.get(0), ...op.load(), ...op.drop, ...dealloc]],
    ["reads the block when it has checked it", deallocating([...op.get(0), ...op.load(), ...op.drop, ...freed])],
    ["frees another block", deallocating([...op.get(1), ...op.call(FREE)])],
    ["frees two blocks", deallocating([...freed, ...freed])],
    ["calls something that returns", [...op.i32(1), ...op.call(PANIC), ...dealloc]],
    [
      "should not return from where it frees",
      deallocating([...freed, ...op.i32(1), ...op.call(FREE), ...op.unreachable]),
    ],
    ["allocates", [...op.i32(1), ...op.call(MALLOC), ...op.drop, ...dealloc]],
    ["does not free where its size is 0", block(op.get(1), [0x45], branchIf(0), dealloc)],
    ["does not free where it should panic", block(isLargeEnough, ifTrue(freed))],
    ["goes by its third argument", [...op.get(2), ...ifTrue(op.unreachable), ...dealloc]],
    ["has a table of branches", block(dealloc, op.get(1), [0x0e, 0, 0])],
    ["has a loop", [0x03, 0x40, ...dealloc, ...op.end]],
  ])("is not what %s", (_, code) => {
    const module = moduleWith(deallocWith(code));
    expect(WebAssembly.validate(module)).toBe(true);
    const found = [...(refusedOrAdopted(module) ?? [])];
    expect(found).not.toContain("rust_dealloc");
  });
});

/** The locals after fewer parameters. */
function deallocShifted(parameters: number): number[] {
  const shifted = checked(op.get(0), op.get(1), [parameters, parameters + 1]);
  return block(
    block([...shifted.isLargeEnough, ...ifTrue(shifted.isTooLarge, branchIf(1), freed, branch(2))], panics),
    panics,
  );
}

/** The roles that were found; none where the module was refused. */
function refusedOrAdopted(module: Uint8Array): string[] {
  try {
    return adopt(module).found.map(({ role }) => role);
  } catch {
    const { details } = thrownBy(() => adopt(module));
    expect(details).toMatchObject({ reason: "left", left: [{ functionIndex: 3, uses: "header" }] });
    return [];
  }
}

describe("a check of the header of a block that is freed at once", () => {
  const note = [...op.i32(OUTSIDE), ...op.i32(42), ...op.store()];
  /** A function of a block and a size that does something else first, and what it has checked then. */
  const dropping = (code: readonly number[], results: readonly number[] = []): BuiltFunction => ({
    params: word(2),
    results,
    locals: 5,
    code: [...note, ...code],
    exportAs: "drop",
  });
  const [HEADER, SIZE, LEAST] = [3, 4, 5];
  const loaded = [...headerOf(op.get(0)), ...op.set(HEADER)];
  const sizes = [...loaded, ...op.get(HEADER), ...op.i32(-8), ...op.and, ...op.set(SIZE)];
  const flags = [...op.get(HEADER), ...op.i32(3), ...op.and];
  const selected = [...op.i32(4), ...op.i32(8), ...flags, ...SELECT, ...op.get(1), ...op.add];
  const most = [...op.get(1), ...op.i32(39), ...op.add];
  const panicsIf = (...condition: readonly (readonly number[])[]): number[] => [...condition.flat(), ...ifTrue(panics)];
  const [LESS, EQUAL, NOT_EQUAL, EQUALS_ZERO, OR, LESS_SIGNED] = [[0x49], [0x46], [0x47], [0x45], [0x72], [0x48]];
  const isTooSmall = [...op.get(SIZE), ...selected, ...LESS];
  const passed = [...sizes, ...panicsIf(isTooSmall)];

  const accepted: readonly (readonly [string, readonly number[]])[] = [
    ["with a select", dealloc],
    ["that is too small alone", [...passed, ...freed]],
    ["whose sides are the other way round", [...sizes, ...panicsIf(selected, op.get(SIZE), GREATER), ...freed]],
    [
      "that goes on where it is large enough",
      [...sizes, ...block(op.get(SIZE), selected, GREATER_OR_EQUAL, branchIf(0), panics), ...freed],
    ],
    [
      "with an and",
      [...passed, ...panicsIf(flags, op.i32(0), NOT_EQUAL, op.get(SIZE), most, GREATER, op.and), ...freed],
    ],
    [
      "with a branch where it has no flags",
      [...passed, ...block(flags, EQUALS_ZERO, branchIf(0), panicsIf(op.get(SIZE), most, GREATER)), ...freed],
    ],
    [
      "whose overhead a branch decides",
      [
        ...[...sizes, ...op.i32(8), ...op.set(LEAST), ...flags, ...ifTrue([...op.i32(4), ...op.set(LEAST)])],
        ...[...panicsIf(op.get(SIZE), op.get(LEAST), op.get(1), op.add, LESS), ...freed],
      ],
    ],
    [
      "whose overhead is set as bits",
      [
        ...[...sizes, ...op.get(SIZE), ...op.i32(4), ...op.i32(8), ...flags, ...SELECT],
        ...[...op.get(1), ...op.i32(4), 0x74, ...OR, ...LESS, ...ifTrue(panics), ...freed],
      ],
    ],
    ["of a constant size", [...sizes, ...panicsIf(op.get(SIZE), op.i32(28), LESS), ...freed]],
    ["with locals that get something else then", [...passed, ...freed, ...op.i32(1), ...op.tee(SIZE), ...op.drop]],
    ["that frees on one way only", [...op.get(1), ...ifTrue(passed, freed)]],
  ];

  it.each(accepted)("is passed: one %s", (_, code) => {
    const module = moduleWith(dropping(code));
    expect(WebAssembly.validate(module)).toBe(true);
    const adopted = adopt(module);
    expect(adopted.found).toHaveLength(2);
    expect(adopted.flagsTestCount).toBe(1);
    // Before the block there is what no check would pass: nothing, or the largest numbers.
    for (const before of [0, 0xffff_ffff]) {
      const { exported, calls, memory } = instantiated(adopted);
      new DataView(memory.buffer).setUint32(0x8000 - 4, before, true);
      exported["drop"]!(0x8000, 24);
      expect(calls).toEqual(["free(32768)"]);
      expect(new DataView(memory.buffer).getInt32(OUTSIDE, true)).toBe(42);
    }
  });

  const keeps = (...value: readonly (readonly number[])[]): number[] => [
    ...op.i32(OUTSIDE),
    ...value.flat(),
    ...op.store(),
  ];
  const refused: readonly (readonly [string, readonly number[]])[] = [
    ["is not freed", passed],
    ["is not freed on one way", [...passed, ...op.get(1), ...ifTrue(freed)]],
    ["is another block than the one that is freed", [...passed, ...op.get(1), ...op.call(FREE)]],
    ["lies farther behind", [...passed, ...op.get(0), ...op.i32(8), ...op.add, ...op.call(FREE)]],
    ["has its size stored", [...passed, ...keeps(op.get(SIZE)), ...freed]],
    ["has its size stored when it was freed", [...passed, ...freed, ...keeps(op.get(SIZE))]],
    ["has its size handed on", [...passed, ...op.get(SIZE), ...op.call(PANIC), ...freed]],
    ["has its size handed on when it was freed", [...passed, ...freed, ...op.get(SIZE), ...op.call(PANIC)]],
    ["has a size that is an address", [...passed, ...freed, ...op.get(SIZE), ...op.load(), ...op.drop]],
    ["has a size that is an address before", [...passed, ...op.get(SIZE), ...op.load(), ...op.drop, ...freed]],
    ["has a size that is divided by", [...passed, ...op.i32(9), ...op.get(SIZE), 0x6e, ...op.drop, ...freed]],
    ["has a size that is read in a loop", [0x03, 0x40, ...keeps(op.get(SIZE)), ...passed, ...freed, ...branch(0), 11]],
    [
      "decides what a local holds when it was freed",
      [...passed, ...op.i32(5), ...op.set(6), ...flags, ...ifTrue([...op.i32(6), ...op.set(6)]), ...freed].concat(
        keeps(op.get(6)),
      ),
    ],
    ["decides which call frees", [...passed, ...flags, 0x04, 0x40, ...freed, 0x05, ...freed, ...op.end]],
    ["decides whether something is stored", [...passed, ...flags, ...ifTrue(note), ...freed]],
    ["is to be small enough whatever its flags are", [...passed, ...panicsIf(op.get(SIZE), most, GREATER), ...freed]],
    ["is to have flags", [...passed, ...panicsIf(flags, EQUALS_ZERO), ...freed]],
    ["is compared as a signed number", [...sizes, ...panicsIf(op.get(SIZE), selected, LESS_SIGNED), ...freed]],
    ["is to be equal", [...sizes, ...panicsIf(op.get(SIZE), op.get(1), NOT_EQUAL), ...freed]],
    ["is not to be equal", [...sizes, ...panicsIf(op.get(SIZE), op.get(1), EQUAL), ...freed]],
    ["is compared with itself and more", [...sizes, ...panicsIf(op.get(SIZE), op.get(SIZE), op.get(1), op.add, LESS)]],
    ["is read twice", [...passed, ...panicsIf(headerOf(op.get(0)), op.i32(-8), op.and, selected, LESS), ...freed]],
    ["is written", [...passed, ...op.get(0), ...op.i32(4), ...op.sub, ...op.i32(9), ...op.store(), ...freed]],
    ["goes with a call", [...passed, ...op.i32(1), ...op.call(PANIC), ...freed]],
  ];

  it.each(refused)("is refused where the block %s", (_, code) => {
    const module = moduleWith(dropping(code));
    expect(WebAssembly.validate(module)).toBe(true);
    expect(thrownBy(() => adopt(module)).details).toMatchObject({
      reason: "left",
      left: [{ functionIndex: 3, uses: "header" }],
    });
  });

  it("is refused where its size is what the function returns", () => {
    const module = moduleWith(dropping([...passed, ...freed, ...op.get(SIZE)], [I32]));
    expect(thrownBy(() => adopt(module)).details["reason"]).toBe("left");
  });
});

describe("a check of a header that is not inlined", () => {
  const [CHECK, CHUNK_OF] = [3, 4];
  /** Rust's, in a module that is compiled for size: the chunk of a block is found by a function of its own. */
  const check = (more: Partial<BuiltFunction> = {}, then: readonly number[] = []): BuiltFunction => ({
    params: word(2),
    results: [],
    locals: 3,
    code: [
      ...[...op.get(0), ...op.call(CHUNK_OF), ...op.load(4), ...op.tee(3), ...op.i32(-8), ...op.and, ...op.tee(4)],
      ...[...op.get(1), ...op.i32(4), ...op.add, 0x49, ...ifTrue(op.unreachable), ...then],
    ],
    ...more,
  });
  const chunkOf: BuiltFunction = { params: word(1), results: [I32], code: [...op.get(0), ...op.i32(8), ...op.sub] };
  const checks = [...op.get(0), ...op.get(1), ...op.call(CHECK)];
  const drop = (code: readonly number[]): BuiltFunction => ({
    params: word(2),
    results: [],
    code: [...op.i32(OUTSIDE), ...op.i32(42), ...op.store(), ...code],
    exportAs: "drop",
  });

  it("is passed where all that call it free what it checks", () => {
    const adopted = adopt(moduleWith(check(), chunkOf, drop([...checks, ...freed])));
    expect(adopted.flagsTestCount).toBe(1);
    const { exported, calls } = instantiated(adopted);
    exported["drop"]!(0x8000, 24);
    expect(calls).toEqual(["free(32768)"]);
  });

  const note = [...op.i32(OUTSIDE), ...op.get(4), ...op.store()];
  it.each([
    ["is not freed then", moduleWith(check(), chunkOf, drop(checks))],
    [
      "is not freed where it is another",
      moduleWith(check(), chunkOf, drop([...checks, ...op.get(1), ...op.call(FREE)])),
    ],
    ["is not freed on one way", moduleWith(check(), chunkOf, drop([...checks, ...op.get(1), ...ifTrue(freed)]))],
    [
      "is not freed by another function",
      moduleWith(check(), chunkOf, drop([...checks, ...freed]), { ...drop(checks), exportAs: "other" }),
    ],
    ["may be anybody's", moduleWith(check({ exportAs: "check" }), chunkOf, drop([...checks, ...freed]))],
    ["has its size stored", moduleWith(check({}, note), chunkOf, drop([...checks, ...freed]))],
  ])("is refused where the block %s", (_, module) => {
    expect(WebAssembly.validate(module)).toBe(true);
    expect(thrownBy(() => adopt(module)).details).toMatchObject({
      reason: "left",
      left: [{ functionIndex: CHECK, uses: "header" }],
    });
  });
});

describe("a function that should not return", () => {
  const THROWS = 0;
  /** An import comes before malloc and free: their indices are one more each. */
  const [FREES, PANICS, CHECKED] = [2, 3, 4];
  const check = [...headerOf(op.get(0)), ...op.i32(-8), ...op.and, ...op.get(1), 0x49];
  const moduleOf = (panicCode: readonly number[], callee = PANICS): Uint8Array<ArrayBuffer> =>
    buildModule({
      imports: [{ module: "env", name: "throws", params: [I32], results: [] }],
      functions: [
        ...[toyMalloc(), toyFree(), { params: [I32], results: [], code: panicCode }],
        {
          params: word(2),
          results: [],
          code: [
            ...[...op.i32(OUTSIDE), ...op.i32(42), ...op.store(), ...check],
            ...[...ifTrue(op.i32(7), op.call(callee), op.unreachable), ...op.get(0), ...op.call(FREES)],
          ],
          exportAs: "drop",
        },
      ],
    });
  const throws = [...op.get(0), ...op.call(THROWS)];

  it("is a panic where it tells somebody and then traps", () => {
    const { flagsTestCount } = adopt(moduleOf([...throws, ...op.get(0), ...ifTrue(op.unreachable), ...op.unreachable]));
    expect(flagsTestCount).toBe(1);
  });

  it.each([
    ["is an import", moduleOf(op.unreachable, THROWS)],
    ["returns", moduleOf(throws)],
    ["returns on one way", moduleOf([...op.get(0), ...ifTrue(op.return), ...op.unreachable])],
    ["branches to its end", moduleOf([...op.get(0), ...branchIf(0), ...op.unreachable])],
  ])("is none where it %s", (_, module) => {
    expect(WebAssembly.validate(module)).toBe(true);
    expect(thrownBy(() => adopt(module)).details).toMatchObject({
      reason: "left",
      left: [{ functionIndex: CHECKED, uses: "header" }],
    });
  });
});

describe("a check of a header in a function that is made to be slow", () => {
  const DEPTH = 30_000;
  /** Locals that hold the size: of each it is asked whether it is read later. */
  const LOCALS = 16;
  const kept = Array.from({ length: LOCALS }, (_, index) => op.tee(2 + index)).flat();
  const check = [...headerOf(op.get(0)), ...op.i32(-8), ...op.and, ...kept, ...op.get(1), 0x49];
  const passed = [...check, ...ifTrue(op.unreachable), ...freed];
  const dropOf = (...parts: readonly Uint8Array[]): BuiltFunction => {
    const body = Uint8Array.from([1, LOCALS, I32].concat(...parts.map((part) => [...part]), op.end));
    return { params: word(2), results: [], code: [], body, exportAs: "drop" };
  };

  it.each([
    ["a table with many branches of one depth", 50_000, () => DEPTH - 1],
    ["a table with branches of many depths", DEPTH, (index: number) => index],
  ])("ends in time with %s", (_, count, depthOf) => {
    const table = [...leb(count - 1), ...Array.from({ length: count }, (_, index) => leb(depthOf(index))).flat()];
    const blocks = new Uint8Array(2 * DEPTH).map((_, index) => (index % 2 === 0 ? 0x02 : 0x40));
    const ends = new Uint8Array(DEPTH).fill(0x0b);
    const code = Uint8Array.from([...passed, ...op.get(1), 0x0e, ...table]);
    const module = moduleWith(dropOf(blocks, code, ends));
    expect(adopt(module).flagsTestCount).toBe(1);
  });

  it("is refused where it is too long to be read into memory", () => {
    const nops = (count: number): Uint8Array => new Uint8Array(count).fill(0x01);
    expect(adopt(moduleWith(dropOf(Uint8Array.from(passed), nops(200_000)))).flagsTestCount).toBe(1);
    const error = thrownBy(() => adopt(moduleWith(dropOf(Uint8Array.from(passed), nops(300_000)))));
    expect(error.details).toMatchObject({ reason: "left", left: [{ functionIndex: 3, uses: "header" }] });
  });
});

import { describe, expect, it } from "vitest";
import { adopt } from "../../src/wasm/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { type BuiltFunction, buildModule, I32, op } from "./support/module-builder.ts";
import { instantiated, toyFree, toyMalloc } from "./support/toy-allocator.ts";

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

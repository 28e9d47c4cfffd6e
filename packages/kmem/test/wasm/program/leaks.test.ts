import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../../src/debug/index.ts";
import { Heap } from "../../../src/index.ts";
import { exposeStack, programLeaks } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { MIB } from "../../support/memories.ts";
import { type BuiltFunction, buildModule, op } from "../support/module-builder.ts";
import { framedFunction } from "../support/toy-allocator.ts";

const HEAP_BASE = 70_000;

function made(): { heap: DebugHeap; words: () => Uint32Array; block: (bytes: number) => number } {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 64 });
  const heap = DebugHeap.create({ memory, start: HEAP_BASE, maximumBytes: 4 * MIB, debug: "U", report: () => {} });
  return { heap, words: () => new Uint32Array(memory.buffer), block: (bytes) => heap.alloc(bytes) };
}

const addressesOf = (sites: readonly { objects: readonly { address: number }[] }[]): number[] =>
  sites.flatMap(({ objects }) => objects.map(({ address }) => address)).sort((one, other) => one - other);

describe("what a program has not freed", () => {
  it("is lost unless its data, its live stack, its own pages or what is found from there lead to it", () => {
    const { heap, words, block } = made();
    const [data, stack, page, chained, inside, dead, lost] = Array.from({ length: 7 }, (_, index) => block(40 + index));
    const own = (heap.source as WebAssembly.Memory).grow(1) * 65_536;
    // The heap grows, and has the program's page between its own from now on.
    const large = heap.alloc(MIB);
    words()[1024 / 4] = data!;
    words()[60_000 / 4] = stack!;
    words()[50_000 / 4] = dead!;
    words()[own / 4] = page!;
    words()[data! / 4] = chained!;
    words()[chained! / 4] = inside! + 3;
    words()[1028 / 4] = large;
    const leaks = programLeaks(heap, { heapBase: HEAP_BASE, stack: { low: 40_000, pointer: 60_000 } });
    expect(addressesOf(leaks.lost)).toEqual([dead, lost].sort((one, other) => one! - other!));
    expect(addressesOf(leaks.reachable)).toHaveLength(6);
    expect(addressesOf(programLeaks(heap, { heapBase: HEAP_BASE }).lost)).toEqual([lost]);
    const known = programLeaks(heap, { heapBase: HEAP_BASE, pointers: [lost!] });
    expect(addressesOf(known.lost)).toEqual([]);
    expect(addressesOf(known.reachable)).not.toContain(lost);
  });

  it("is for heaps that know who allocated, and roots that can be", () => {
    const { heap } = made();
    const plain = Heap.create({ sizeBytes: MIB });
    expect(thrownBy(() => programLeaks(plain as never, { heapBase: 0 })).code).toBe("BAD_ARGUMENT");
    for (const roots of [{}, { heapBase: -1 }, { heapBase: 0, stack: { low: 5 } }, { heapBase: 0, pointers: 5 }]) {
      expect(thrownBy(() => programLeaks(heap, roots as never)).code).toBe("BAD_ARGUMENT");
    }
  });
});

describe("the stack of a program", () => {
  const functions = [{ params: [], results: [], code: [...op.i32(5), ...op.drop], name: "f", exportAs: "f" }];
  const framed = [...functions, framedFunction()];

  it("is exposed by an export that was not there, and all else is as it was", async () => {
    const bytes = buildModule({
      functions: framed,
      globals: [{ value: 66_560, isMutable: true }],
      data: [{ address: 1024, bytes: [1, 2, 3] }],
    });
    const stack = exposeStack(bytes)!;
    expect(stack).toMatchObject({ top: 66_560, low: 1027 });
    const { instance } = await WebAssembly.instantiate(stack.bytes);
    expect((instance.exports[stack.exportedAs] as WebAssembly.Global).value).toBe(66_560);
    expect(instance.exports["f"]).toBeTypeOf("function");
    const added = stack.bytes.length - bytes.length;
    expect(added).toBeGreaterThan(0);
    expect(stack.originOf(5)).toBe(5);
    for (let offset = stack.bytes.length - 20; offset < stack.bytes.length; offset++) {
      expect(bytes[stack.originOf(offset)]).toBe(stack.bytes[offset]);
    }
    const again = exposeStack(stack.bytes)!;
    expect(again.bytes).toEqual(stack.bytes);
    expect(again.exportedAs).toBe(stack.exportedAs);
  });

  it("ends at 0 where it lies below the data, and is none where no global can change", () => {
    const below = {
      functions: framed,
      globals: [{ value: 4096, isMutable: true }],
      data: [{ address: 4096, bytes: [1] }],
    };
    expect(exposeStack(buildModule(below))).toMatchObject({ top: 4096, low: 0 });
    expect(exposeStack(buildModule({ functions }))).toBeUndefined();
    expect(exposeStack(buildModule({ ...below, functions }))).toBeUndefined();
    expect(exposeStack(buildModule({ functions, globals: [{ value: 66_560, isMutable: false }] }))).toBeUndefined();
    expect(thrownBy(() => exposeStack(Uint8Array.of(1, 2, 3))).code).toBe("BAD_MODULE");
  });

  it("has a pointer that functions move down and back; others that look like one are none", () => {
    const globals = [
      { value: 1040, isMutable: true },
      { value: 66_560, isMutable: true },
    ];
    const top = (...more: readonly BuiltFunction[]): number | undefined =>
      exposeStack(buildModule({ functions: [...functions, ...more], globals }))?.top;
    const { code } = framedFunction(0);
    const back = code.length - 7;
    expect(top(framedFunction(1))).toBe(66_560);
    expect(top(framedFunction(0), framedFunction(1))).toBe(1040);
    expect(top(framedFunction(0, 200))).toBe(1040);
    // What only moves down, only up, or comes back to another place.
    expect(top({ ...framedFunction(0), code: code.slice(0, back) })).toBeUndefined();
    expect(top({ ...framedFunction(0), code: code.slice(back) })).toBeUndefined();
    const elsewhere = [...op.get(0), ...op.i32(32), ...op.add, 0x24, 0];
    expect(top({ ...framedFunction(0), code: [...code.slice(0, back), ...elsewhere] })).toBeUndefined();
  });
});

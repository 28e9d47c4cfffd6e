import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../../src/debug/index.ts";
import { checkHeap, Heap } from "../../../src/index.ts";
import { adopt, cMalloc, programHeapOptions, programLeaks } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { MIB } from "../../support/memories.ts";
import { checkedModule } from "../memcheck/checked-module.ts";
import { type BuiltModule, buildModule, I32, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const WASM_PAGE_BYTES = 65_536;
const OWN_PAGES = 4;
const PATTERN = 0x5a;
const HEAP_BASE = 4096;

/** A program that grows its memory by itself, allocates, and stores. */
function growing(memory: BuiltModule["memory"] = { pages: 2 }, heapBase = HEAP_BASE): Uint8Array {
  return buildModule({
    memory,
    globals: [{ value: heapBase, isMutable: false, exportAs: "__heap_base" }],
    functions: [
      toyMalloc(),
      toyFree(),
      wordFunction(1, [...op.get(0), 0x40, 0, ...op.i32(WASM_PAGE_BYTES), ...op.mul], { exportAs: "grow" }),
      wordFunction(1, [...op.get(0), ...op.call(0)], { exportAs: "make" }),
      {
        params: [I32],
        results: [],
        code: [...op.get(0), ...op.i32(0x1234), ...op.store()],
        exportAs: "touch",
      },
    ],
  });
}

function run(bytes: Uint8Array, makeHeap = (where: ReturnType<typeof programHeapOptions>): Heap => Heap.create(where)) {
  const adopted = adopt(bytes);
  let exports: WebAssembly.Exports = {};
  let heap: Heap | undefined;
  const kmem = cMalloc(() => {
    heap = makeHeap({ ...programHeapOptions(adopted, { exports }), slotCount: 1 });
    return heap;
  });
  exports = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { kmem: { ...kmem } }).exports;
  const call = (name: string, argument: number): number => Number((exports[name] as CallableFunction)(argument));
  const memory = exports["memory"] as WebAssembly.Memory;
  return { adopted, call, memory, heap: () => heap! };
}

describe("pages that a program adds before it allocates", () => {
  it.each([
    ["after the heap, where that has room before them", 8],
    ["before the heap, where it has not", 2],
  ])("stay its own: %s", (_where, pages) => {
    const { call, memory, heap } = run(growing({ pages }));
    const own = call("grow", OWN_PAGES);
    const page = (): Uint8Array => new Uint8Array(memory.buffer, own, OWN_PAGES * WASM_PAGE_BYTES);
    page().fill(PATTERN);
    const blocks = Array.from({ length: 200 }, () => call("make", 8192));
    for (const block of blocks) new Uint8Array(memory.buffer, block, 8192).fill(0xee);
    expect(page().every((byte) => byte === PATTERN)).toBe(true);
    expect(blocks.every((block) => block + 8192 <= own || block >= own + OWN_PAGES * WASM_PAGE_BYTES)).toBe(true);
    expect(blocks[0]! < own).toBe(pages === 8);
    expect(checkHeap(heap())).toEqual({ isClean: true, findings: [] });
  });

  it("are the heap's where the host has made the memory larger than the program asked for", () => {
    const adopted = adopt(growing({ pages: 2, isImported: true }));
    const memory = new WebAssembly.Memory({ initial: 20 });
    const { start, end } = programHeapOptions(adopted, { imports: { env: { memory } } });
    expect([start, end]).toEqual([HEAP_BASE, 20 * WASM_PAGE_BYTES]);
  });

  it("are not confused with what was grown for the heap, whoever asks twice", () => {
    const adopted = adopt(growing());
    const memory = new WebAssembly.Memory({ initial: 2 });
    const ask = () => programHeapOptions(adopted, { exports: { memory } });
    const first = ask();
    expect(ask()).toMatchObject({ start: first.start, end: first.end });
    expect(first.end).toBe(3 * WASM_PAGE_BYTES);
  });

  it("may have pointers that lead to blocks", () => {
    const made = run(growing(), (where) => DebugHeap.create({ ...where, debug: "U", report: () => {} }));
    const own = made.call("grow", OWN_PAGES);
    const [kept, lost] = [made.call("make", 40), made.call("make", 50)];
    new Uint32Array(made.memory.buffer)[own / 4 + 5] = kept;
    const { reachable, lost: found } = programLeaks(made.heap() as DebugHeap, { heapBase: HEAP_BASE });
    expect(reachable.flatMap(({ objects }) => objects.map(({ address }) => address))).toEqual([kept]);
    expect(found.flatMap(({ objects }) => objects.map(({ address }) => address))).toEqual([lost]);
  });
});

describe("pages that a checked program adds before it allocates", () => {
  it.each([false, true])("are not watched, and hold what was written (undefined: %s)", (findUndefined) => {
    const { exports, told, memory, check } = checkedModule(growing(), { findUndefined });
    const call = (name: string, argument: number): number => Number(exports[name]!(argument));
    const own = call("grow", OWN_PAGES);
    const page = (): Uint8Array => new Uint8Array(memory.buffer, own, OWN_PAGES * WASM_PAGE_BYTES);
    page().fill(PATTERN);
    const blocks = Array.from({ length: 60 }, () => call("make", 8192));
    expect(page().every((byte) => byte === PATTERN)).toBe(true);
    call("touch", own);
    call("touch", own + OWN_PAGES * WASM_PAGE_BYTES - 4);
    call("touch", blocks[0]!);
    expect(told).toEqual([]);
    call("touch", blocks[0]! + 8192);
    call("touch", HEAP_BASE + 64);
    expect([told[0]?.kind, check.counts.repeated]).toEqual(["invalid-write", 1]);
    new Uint32Array(memory.buffer)[own / 4] = blocks[0]!;
    const { lost } = check.leaks({ heapBase: HEAP_BASE });
    expect(lost.flatMap(({ addresses }) => addresses)).toHaveLength(59);
    expect(checkHeap(check.heap).findings).toEqual([]);
  });

  it.each([8, 40, 400])("can be had where the memory may have %i pages", (maximum) => {
    const { exports, told, check } = checkedModule(growing({ pages: 2, maximum }));
    const own = Number(exports["grow"]!(2));
    expect(own).toBeGreaterThan(0);
    exports["touch"]!(own);
    exports["touch"]!(exports["make"]!(40));
    expect(told).toEqual([]);
    expect(checkHeap(check.heap).findings).toEqual([]);
  });

  it("are refused where the shadow would lie in them", () => {
    const adopted = adopt(growing(), { check: "memcheck" });
    const memory = new WebAssembly.Memory({ initial: adopted.memory.initialPages + 1 });
    const ask = () => programHeapOptions(adopted, { exports: { memory }, maximumBytes: 1024 * MIB });
    expect(thrownBy(ask).code).toBe("OUT_OF_MEMORY");
  });
});

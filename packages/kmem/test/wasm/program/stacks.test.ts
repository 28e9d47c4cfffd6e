import { describe, expect, it } from "vitest";
import { type BugReport, DebugHeap, SampledHeap, type StackSource } from "../../../src/debug/index.ts";
import { checkHeap, Heap } from "../../../src/index.ts";
import { adopt, cMalloc, programFrames, programHeapOptions, programStacks } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { MIB } from "../../support/memories.ts";
import { type BuiltFunction, buildModule, I32, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc } from "../support/toy-allocator.ts";

const WORD = { params: [I32], results: [I32] } as const;
/** Functions of a module: malloc, free, and what calls these. */
const functions: readonly BuiltFunction[] = [
  toyMalloc({ name: "malloc" }),
  toyFree({ name: "free" }),
  { ...WORD, code: [...op.get(0), ...op.call(0)], name: "make", exportAs: "make" },
  { ...WORD, code: [...op.get(0), ...op.call(2)], name: "outer", exportAs: "outer" },
  { params: [I32], results: [], code: [...op.get(0), ...op.call(1)], name: "drop", exportAs: "drop" },
];
const bytes = buildModule({ functions });
const { framesOf } = programFrames(bytes);
const names = (stack: string | undefined): string[] => framesOf(stack ?? "").map((frame) => frame.split(" ")[1]!);

function started(depth?: number) {
  const adopted = adopt(bytes, { stacks: true });
  const reports: BugReport[] = [];
  let heap: DebugHeap | undefined;
  let exports: WebAssembly.Exports = {};
  const open = (): DebugHeap => {
    const where = programHeapOptions(adopted, { exports, maximumBytes: 4 * MIB });
    const stacks = programStacks(adopted, where.memory as WebAssembly.Memory, depth === undefined ? {} : { depth });
    heap = DebugHeap.create({ ...where, slotCount: 1, stacks, report: (report) => reports.push(report) });
    return heap;
  };
  const kmem = { ...cMalloc(open) };
  exports = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { kmem }).exports;
  const call = (name: string, ...args: number[]): number => Number((exports[name] as CallableFunction)(...args));
  return { adopted, reports, call, heap: () => heap!, memory: () => exports["memory"] as WebAssembly.Memory };
}

describe("the stacks of a program that notes its calls", () => {
  it("are those of its own functions, of who allocated, who freed and who did wrong", () => {
    const { call, reports, heap } = started();
    const block = call("outer", 20);
    call("drop", block);
    call("drop", block);
    expect(reports).toHaveLength(1);
    const [report] = reports as [BugReport];
    expect(report.reason).toBe("Object already free");
    expect(report.stack).toMatch(/^at program:0x[0-9a-f]+$/);
    expect(names(report.stack)).toEqual(["drop"]);
    expect(names(report.block!.allocated!.stack)).toEqual(["make", "outer"]);
    expect(names(report.block!.freed!.stack)).toEqual(["drop"]);
    expect(checkHeap(heap()).findings).toEqual([]);
  });

  it("end at a depth, and are the same again after a growth", () => {
    const { call, heap, memory } = started(1);
    call("outer", 20);
    memory().grow(1);
    call("outer", 30);
    call("make", 40);
    const sites = heap().leaks();
    expect(sites.map(({ stack, blocks }) => [names(stack), blocks])).toEqual([[["make"], 3]]);
  });

  it("are the engine's where JavaScript itself calls the heap", () => {
    const { call, heap, reports } = started();
    heap();
    const block = call("make", 8);
    heap().free(block);
    expect(() => heap().free(block)).toThrow();
    expect(reports[0]!.stack).toContain("program/stacks.test");
  });

  it("serve a sampled heap too", () => {
    const reports: BugReport[] = [];
    const stacks: StackSource = { idNow: () => 7, textOf: (id) => `at number ${id}` };
    const heap = SampledHeap.create({ sampleEvery: 1, stacks, report: (report) => reports.push(report) });
    const block = heap.alloc(40);
    heap.free(block);
    expect(() => heap.free(block)).toThrow();
    expect(reports[0]!.block!.freed!.stack).toBe("at number 7");
  });

  it("are empty where a source has no text, and the engine's where it has no number", () => {
    const answers: unknown[] = [3, Number.NaN, -1, "x"];
    const source = { idNow: () => answers[0], textOf: () => 5 } as unknown as StackSource;
    const heap = DebugHeap.create({ stacks: source, report: () => {} });
    while (answers.length > 0) {
      heap.alloc(answers.length);
      answers.shift();
    }
    const sites = heap.leaks().toSorted((one, other) => other.bytes - one.bytes);
    expect(sites.map(({ stack, blocks }) => [stack.includes("program/stacks.test"), blocks])).toEqual([
      [true, 3],
      [false, 1],
    ]);
    expect(checkHeap(heap).findings).toEqual([]);
  });
});

describe("a module that notes its calls", () => {
  it("is no smaller for it, keeps what it does, and says so", () => {
    const plain = adopt(bytes);
    const noting = adopt(bytes, { stacks: true });
    expect([plain.stacks, noting.stacks, noting.merged]).toEqual([false, true, []]);
    expect(noting.bytes.length).toBeGreaterThan(adopt(bytes, { merge: false }).bytes.length);
  });

  it("is refused by what it is not for", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    expect(thrownBy(() => programStacks(adopt(bytes), memory)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => programStacks(adopt(bytes, { stacks: true }), {} as never)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => adopt(bytes, { stacks: true, check: "memcheck" })).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => DebugHeap.create({ stacks: { idNow: 1 } as never })).code).toBe("BAD_ARGUMENT");
    expect(Heap.create().alloc(1)).toBeGreaterThan(0);
  });
});

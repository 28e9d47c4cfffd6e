import { describe, expect, it } from "vitest";
import { blockAt, checkHeap, Heap, heapStats } from "../../../src/index.ts";
import { adopt, Memcheck, type MemcheckReport, programFrames, programHeapOptions } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { MIB } from "../../support/memories.ts";
import { Random } from "../../support/random.ts";
import { type BuiltFunction, buildModule, I32, I64, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc } from "../support/toy-allocator.ts";
import { checkedModule } from "./checked-module.ts";

const WORD = { params: [I32], results: [I32] } as const;
const FUNCREF = 0x70;
const load: BuiltFunction = { ...WORD, code: [...op.get(0), ...op.load()], name: "load", exportAs: "load" };
const store: BuiltFunction = {
  params: [I32],
  results: [],
  code: [...op.get(0), ...op.i32(7), ...op.store()],
  name: "store",
  exportAs: "store",
};
/** Functions of a module: malloc, free, what loads and stores, and what calls these. */
const functions: readonly BuiltFunction[] = [
  toyMalloc({ name: "malloc" }),
  toyFree({ name: "free" }),
  load,
  store,
  { ...WORD, code: [...op.get(0), ...op.call(2)], name: "outer", exportAs: "outer" },
  { ...WORD, code: [...op.get(0), ...op.call(0)], name: "make", exportAs: "make" },
  { params: [I32], results: [], code: [...op.get(0), ...op.call(1)], name: "drop", exportAs: "drop" },
];
const bytes = buildModule({ functions });
const { frameAt } = programFrames(bytes);
const names = (stack: readonly number[]): string[] => stack.map((offset) => frameAt(offset).split(" ")[1]!);

function started(options = {}, how = {}) {
  const module = checkedModule(bytes, options, how);
  const call = (name: string, ...args: number[]): number => Number(module.exports[name]!(...args));
  return { ...module, call };
}

describe("what a program that is checked does wrong", () => {
  it("is told with its stack, and with those of who allocated and freed the block", () => {
    const { call, told } = started();
    const block = call("make", 20);
    call("drop", block);
    call("outer", block + 4);
    expect(told).toHaveLength(1);
    const [report] = told as [MemcheckReport];
    expect(report).toMatchObject({ kind: "invalid-read", address: block + 4, sizeBytes: 4 });
    expect(report.block).toMatchObject({ address: block, sizeBytes: 20, isLive: false, offset: 4 });
    expect(names(report.stack)).toEqual(["load", "outer"]);
    expect(names(report.block!.allocated)).toEqual(["make"]);
    expect(names(report.block!.freed)).toEqual(["drop"]);
    expect(report.text(frameAt)).toMatch(/^BUG: read of 4 bytes, 4 bytes inside of a freed block of 20 bytes at 0x/);
    expect(report.text(frameAt)).toMatch(/\n\tat load \(byte 0x[0-9a-f]+\)\n\tat outer .*\nAllocated in:\n\tat make /);
  });

  it("is told once for the same place and counted after that; the program goes on", () => {
    const { call, told, check } = started();
    const block = call("make", 16);
    for (let turn = 0; turn < 5; turn++) call("store", block + 16);
    call("load", block + 16);
    expect(told.map(({ kind }) => kind)).toEqual(["invalid-write", "invalid-read"]);
    expect(check.counts).toEqual({ told: 2, repeated: 4 });
    expect(told.map((report) => check.repeatsOf(report))).toEqual([4, 0]);
    expect(thrownBy(() => started().check.repeatsOf(told[0]!)).code).toBe("BAD_ARGUMENT");
  });

  it("is nothing where the program adds memory beyond the heap's maximum, and the heap stays whole", () => {
    const { call, told, check, memory } = started({ findUndefined: true });
    // What the cells of that memory would be: blocks of bytes that look like cells of bytes never written.
    const blocks = Array.from({ length: 40 }, () => call("make", 16_000));
    for (const block of blocks) new Uint16Array(memory.buffer, block, 8000).fill(0xff00);
    memory.grow(96);
    for (let address = 4 * MIB; address < memory.buffer.byteLength - 64; address += 64) call("store", address);
    for (const block of blocks) {
      expect(new Uint16Array(memory.buffer, block, 8000).every((half) => half === 0xff00)).toBe(true);
    }
    expect(told).toEqual([]);
    expect(checkHeap(check.heap).findings).toEqual([]);
  });

  it("is told once where it overwrites what is known of a block, which leads to no other", () => {
    for (const value of [0, 0xffff_ffff, 0x1_2345, 16]) {
      const { call, told, check, memory } = started();
      const [before, block, after] = [call("make", 40), call("make", 40), call("make", 40)] as [number, number, number];
      const bytes = (): Uint8Array => new Uint8Array(memory.buffer);
      bytes().fill(7, after, after + 40);
      call("store", block - 4);
      call("store", block - 8);
      new Uint32Array(memory.buffer).fill(value, (block - 16) / 4, block / 4 - 1);
      expect(told.map(({ kind }) => kind)).toEqual(["invalid-write"]);
      expect(check.imports.malloc_usable_size(block)).toBeLessThanOrEqual(48);
      const moved = check.imports.realloc(block, 200);
      for (const one of [before, moved]) call("drop", one);
      expect([...bytes().subarray(after, after + 40)].every((byte) => byte === 7)).toBe(true);
      call("drop", after);
      check.trim();
      expect(heapStats(check.heap).liveBlocks).toBe(0);
      expect(checkHeap(check.heap).findings).toEqual([]);
    }
  });

  it("lets freed blocks wait until trim gives them back", () => {
    const { call, check } = started();
    for (let turn = 0; turn < 10; turn++) call("drop", call("make", 40));
    expect(heapStats(check.heap).liveBlocks).toBe(10);
    check.trim();
    expect(heapStats(check.heap).liveBlocks).toBe(0);
  });

  it("is a free or a realloc of what is no live block", () => {
    const { call, told, check } = started();
    const [block, other] = [call("make", 40), call("make", 40)];
    call("drop", block);
    call("drop", block);
    call("drop", other + 16);
    call("drop", 5000);
    expect(check.imports.realloc(block, 80)).toBe(0);
    expect(check.imports.malloc_usable_size(other + 1)).toBe(0);
    expect(told.map(({ kind }) => kind)).toEqual(["double-free", "invalid-free", "invalid-use"]);
    expect(told[0]!.title).toContain("second free of");
    expect(told[1]!.block).toMatchObject({ address: other, offset: 16 });
    expect(check.imports.malloc_usable_size(other)).toBe(40);
  });

  it("is an access to what belongs to the heap and to no block, and none to the program's own", () => {
    const { call, told, memory } = started();
    const block = call("make", 16);
    call("load", 1024);
    const own = memory.grow(1) * 65_536;
    call("store", own + 8);
    expect(told).toEqual([]);
    call("load", block + 64 * 1024);
    call("store", 200_000);
    expect(told.map(({ where, block: near }) => near ?? where)).toEqual([
      "in memory of the heap that no block has",
      "in the tables of the heap or of the check",
    ]);
    // The views have followed, and blocks can be had in pages that the heap adds behind the program's.
    const large = call("make", MIB);
    expect(large).toBeGreaterThan(0);
    told.length = 0;
    call("store", large + MIB - 4);
    call("store", own + 8);
    expect(told).toEqual([]);
  });

  it("is told of a freed block until as many bytes were freed as wait", () => {
    const { call, told } = started({}, { quarantineBytes: 4096 });
    const block = call("make", 64);
    call("drop", block);
    for (let turn = 0; turn < 200; turn++) call("drop", call("make", 64));
    told.length = 0;
    call("load", block);
    expect(told.map(({ block: near }) => near?.isLive ?? false)).toEqual([false]);
    const without = started({}, { quarantineBytes: 0 });
    const first = without.call("make", 64);
    without.call("drop", first);
    expect(without.call("make", 64)).toBe(first);
  });

  it("is what was never written and is read, where that is asked for", () => {
    const { call, told, check } = started({ findUndefined: true });
    const block = call("make", 32);
    call("store", block + 4);
    call("load", block + 4);
    call("load", block + 6);
    expect(told).toEqual([]);
    call("load", block + 8);
    expect(told.map(({ kind }) => kind)).toEqual(["undefined-read"]);
    const moved = check.imports.realloc(block, 64);
    told.length = 0;
    call("load", moved + 4);
    call("outer", moved + 8);
    call("outer", moved + 60);
    expect(told.map(({ kind }) => kind)).toEqual(["undefined-read"]);
    const zeros = check.imports.calloc(4, 8);
    told.length = 0;
    call("load", zeros + 28);
    expect(told).toEqual([]);
  });

  it("is what a load reads of bytes never written, after another that has begun at them and read more", () => {
    const load64 = [...op.get(1), 0x29, 3, 0, ...op.drop];
    const make = [...op.get(0), ...op.call(0), ...op.set(1), ...op.get(1), ...op.i32(7), ...op.store(4)];
    const loads = { params: [I32], results: [I32], locals: 1, exportAs: "go" };
    const code = [...make, ...load64, ...load64, ...op.get(1), ...op.load(), ...op.get(1), ...op.load(), ...op.add];
    const module = buildModule({ functions: [toyMalloc(), toyFree(), { ...loads, code }] });
    const { exports, told, check } = checkedModule(module, { findUndefined: true });
    exports["go"]!(16);
    expect(told.map(({ kind, sizeBytes }) => [kind, sizeBytes])).toEqual([["undefined-read", 4]]);
    expect(check.counts.repeated).toBe(0);
  });

  it("leaves out what JavaScript has written, where it is told of the calls", () => {
    const { call, told, check } = started({ findUndefined: true });
    const [named, pointed, other] = [call("make", 32), call("make", 32), call("make", 32)];
    const { host } = check.hostImports({ host: { read: () => 5, limit: 7 as never } });
    call("store", named + 4);
    new DataView(check.heap.buffer).setUint32(named + 4, pointed, true);
    expect((host!["read"] as (at: number) => number)(named)).toBe(5);
    expect(host!["limit"]).toBe(7);
    call("load", named + 20);
    call("load", pointed + 20);
    // Blocks of JavaScript's own count as written.
    call("load", check.imports.malloc(16));
    expect(told).toEqual([]);
    call("load", other);
    expect(told).toHaveLength(1);
    const plain = started().check;
    const read = () => 5;
    expect(plain.hostImports({ host: { read } }).host.read).toBe(read);
  });
});

describe("a global of a module without names", () => {
  const getGlobal = [0x23, 0];
  /** Keeps a block in a global that looks like a stack pointer at the start, and stores behind it. */
  const overrunning: BuiltFunction = {
    params: [],
    results: [],
    code: [...op.i32(8), ...op.call(0), 0x24, 0, ...getGlobal, ...op.i32(1), ...op.store(8)],
    exportAs: "overrun",
  };
  const globals = [{ value: 1040, isMutable: true }];

  it("is no stack pointer where it holds blocks: stores by way of it are watched", () => {
    const { exports, told } = checkedModule(buildModule({ functions: [toyMalloc(), toyFree(), overrunning], globals }));
    exports["overrun"]!();
    expect(told.map(({ kind }) => kind)).toEqual(["invalid-write"]);
  });
});

describe("the blocks of a program that is checked", () => {
  it("are told to be lost, or to be reachable from data and from each other", () => {
    const { call, check, memory } = started();
    const words = (): Uint32Array => new Uint32Array(memory.buffer);
    const [kept, chained, lost] = [call("make", 40), call("make", 41), call("make", 42)];
    words()[2048 / 4] = kept;
    words()[kept / 4] = chained + 8;
    const leaks = check.leaks({ heapBase: 65_536 });
    expect(leaks.lost.map(({ bytes: count, addresses }) => [count, addresses])).toEqual([[42, [lost]]]);
    expect(leaks.reachable).toHaveLength(1);
    expect(names(leaks.reachable[0]!.stack)).toEqual(["make"]);
    expect(leaks.reachable[0]!.bytes).toBe(81);
    expect(new Set(leaks.reachable[0]!.addresses)).toEqual(new Set([kept, chained]));
    expect(check.leaks({ heapBase: 65_536, pointers: [lost] }).lost).toEqual([]);
    expect(thrownBy(() => check.leaks({} as never)).code).toBe("BAD_ARGUMENT");
  });

  it("hold what they held, stay apart, and leave the heap clean, whatever is done with them", () => {
    const { check, told } = started({}, { quarantineBytes: 10_000 });
    const { malloc, free, calloc, realloc, aligned_alloc } = check.imports;
    const random = new Random(5);
    const live: { at: number; size: number; fill: number }[] = [];
    const view = (at: number, size: number): Uint8Array => new Uint8Array(check.heap.buffer, at, size);
    const isWhole = ({ at, size, fill }: { at: number; size: number; fill: number }): boolean =>
      view(at, size).every((byte) => byte === fill);
    for (let turn = 0; turn < 4000; turn++) {
      const size = random.below(random.below(8) === 0 ? 9000 : 200);
      const fill = random.below(256);
      const choice = random.below(6);
      if (live.length > 60 || choice === 0) {
        const [gone] = live.splice(random.below(live.length), 1);
        if (gone === undefined) continue;
        expect(isWhole(gone)).toBe(true);
        free(gone.at);
      } else if (choice === 1 && live.length > 0) {
        const one = random.pick(live);
        const moved = realloc(one.at, size);
        expect(isWhole({ ...one, at: moved, size: Math.min(size, one.size) })).toBe(true);
        Object.assign(one, { at: moved, size, fill });
        view(moved, size).fill(fill);
      } else {
        const alignment = 2 ** random.below(10);
        const at = choice === 2 ? calloc(1, size) : choice === 3 ? aligned_alloc(alignment, size) : malloc(size);
        if (choice === 2) expect(view(at, size).every((byte) => byte === 0)).toBe(true);
        if (choice === 3) expect(at % alignment).toBe(0);
        view(at, size).fill(fill);
        live.push({ at, size, fill });
      }
    }
    expect(live.every(isWhole)).toBe(true);
    expect(live.every(({ at }) => blockAt(check.heap, at)?.live === true)).toBe(true);
    expect(checkHeap(check.heap)).toEqual({ isClean: true, findings: [] });
    expect(told).toEqual([]);
  });

  it("use what waits in quarantine before there is no memory", () => {
    const { call, check } = started({}, { quarantineBytes: 16 * MIB });
    for (let turn = 0; turn < 40; turn++) {
      const block = call("make", MIB / 2);
      expect(block).toBeGreaterThan(0);
      call("drop", block);
    }
    const errors: number[] = [];
    const failing = started({}, { setErrno: (error: number) => errors.push(error) });
    expect(failing.call("make", 16 * MIB)).toBe(0);
    expect(errors).toEqual([48]);
    expect(checkHeap(check.heap).isClean).toBe(true);
  });
});

describe("a check", () => {
  it.each([[undefined], [[3]]])("lets code refer to a function that nothing but its export declares", (elements) => {
    const seven = { params: [], results: [I32], code: op.i32(7), exportAs: "seven" };
    const pick = { params: [], results: [FUNCREF], code: [0xd2, 2], exportAs: "pick" };
    const module = buildModule({
      functions: [toyMalloc(), toyFree(), seven, pick],
      ...(elements && { elements }),
      data: [{ bytes: [1] }],
    });
    for (const findUndefined of [false, true]) {
      const { exports } = checkedModule(module, { findUndefined });
      expect((exports["pick"]!() as () => number)()).toBe(7);
    }
    expect(WebAssembly.validate(adopt(module, { stacks: true }).bytes)).toBe(true);
  });

  it("is for modules that were adopted for it, and options that there are", () => {
    const open = () => ({});
    const report = (): void => {};
    expect(thrownBy(() => new Memcheck(adopt(bytes), open, { report })).code).toBe("BAD_ARGUMENT");
    const adopted = adopt(bytes, { check: "memcheck" });
    expect(adopted.check).toBe("memcheck");
    expect(adopt(bytes).check).toBeUndefined();
    for (const options of [undefined, {}, { report: 5 }, { report, stackDepth: 0 }, { report, quarantineBytes: -1 }]) {
      expect(thrownBy(() => new Memcheck(adopted, open, options as never)).code).toBe("BAD_ARGUMENT");
    }
    const plain = new Memcheck(adopted, () => ({ memory: new WebAssembly.Memory({ initial: 40 }) }), { report });
    expect(thrownBy(() => plain.imports.malloc(5)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => adopt(bytes, { check: "valgrind" as never })).code).toBe("BAD_ARGUMENT");
  });

  it("is refused for threads, and where an imported memory has no room for the shadow", () => {
    const reason = (module: Uint8Array): unknown =>
      thrownBy(() => adopt(module, { check: "memcheck" })).details["reason"];
    const shared = bytes.slice();
    // The memory section: its size, one memory, its flags and its pages.
    const at = shared.findIndex((byte, index) => byte === 5 && shared[index + 1] === 3 && shared[index + 2] === 1);
    const withMaximum = [5, 4, 1, 3, 2, 9];
    const threads = Uint8Array.from([...shared.slice(0, at), ...withMaximum, ...shared.slice(at + 5)]);
    expect(reason(threads)).toBe("threads");
    const large = (pages: number, maximum?: number): Uint8Array =>
      buildModule({
        imports: [
          { module: "env", name: "malloc", params: [I64], results: [I64] },
          { module: "env", name: "free", params: [I64], results: [] },
        ],
        functions: [{ params: [I64], results: [I64], code: [...op.get(0), ...op.call(0)], exportAs: "make" }],
        memory: { pages, is64: true, ...(maximum === undefined ? {} : { maximum }) },
      });
    expect(reason(large(65_537))).toBe("no-room");
    expect(reason(large(65_537, 65_600))).toBe("no-room");
    expect(reason(large(65_536))).toBe("no-room");
  });

  it("leaves the program's heap where its options say, after the shadow of all of it", () => {
    const { check, memory } = started();
    const { heap } = check;
    expect(heap).toBeInstanceOf(Heap);
    expect(memory.buffer.byteLength).toBeLessThanOrEqual(4 * MIB);
    expect(check.leaks({ heapBase: 65_536 })).toEqual({ lost: [], reachable: [] });
    const adopted = adopt(bytes, { check: "memcheck" });
    const own = new WebAssembly.Memory({ initial: adopted.memory.initialPages });
    const { start = 0 } = programHeapOptions(adopted, { exports: { memory: own }, maximumBytes: 8 * MIB });
    expect(start).toBeGreaterThan(adopted.heapBase + MIB);
  });
});

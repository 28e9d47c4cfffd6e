// The sentences of the GIET-VM page (document 004). The name of each test begins with the sentence that it is about.
import { beforeEach, describe, expect, it } from "vitest";
import { DESCRIPTOR_BYTES, DescriptorWord, LockWord } from "../../../src/cluster/layout.ts";
import {
  type Giet,
  GietError,
  type GietVseg,
  giet,
  LogRing,
  MIN_BLOCK_SIZE,
  VOBJ_TYPE_HEAP,
} from "../../../src/kernels/giet/giet.ts";
import { thrownBy } from "../../support/expectations.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";

const HEAP_BYTES = 0x1_0000;
const MEMORY_BYTES = 0x2_0000;
/** Virtual base of the heap of cluster [x][y] in these tests. */
const baseOf = (x: number, y: number): number => 0x4000_0000 + (x * 2 + y) * 0x10_0000;
const heapVseg = (x: number, y: number): GietVseg => ({ type: VOBJ_TYPE_HEAP, base: baseOf(x, y), length: HEAP_BYTES });

let log: LogRing;
/** memories[x][y]; cluster [1][0] has no heap. */
let memories: SharedArrayBuffer[][];
let machine: Giet;

beforeEach(() => {
  log = new LogRing();
  memories = [0, 1, 2].map(() => [0, 1].map(() => new SharedArrayBuffer(MEMORY_BYTES)));
  const clusters = memories.map((column, x) =>
    column.map((memory, y) => ({ memory, vsegs: x === 1 && y === 0 ? [] : [heapVseg(x, y)] })),
  );
  machine = giet({ clusters }, log);
  machine._heap_init();
});

const memoryOf = (x: number, y: number): SharedArrayBuffer => memories[x]?.[y] as SharedArrayBuffer;
const descriptorWord = (x: number, y: number, field: number): number =>
  new Uint32Array(memoryOf(0, 0))[(HEAP_BYTES + (x * 2 + y) * DESCRIPTOR_BYTES) / 4 + field] as number;

/** Asserts that a call throws a GIET error of this code and exactly this message. */
function expectGietError(call: () => unknown, code: string, message: string): void {
  const error = thrownBy(call);
  expect(error).toBeInstanceOf(GietError);
  expect({ code: error.code, message: error.message }).toEqual({ code, message });
}

/** The free lists of a heap as offsets from its base, every block of each. */
function freeLists(x: number, y: number): Record<number, number[]> {
  const lists: Record<number, number[]> = {};
  const words = new Uint32Array(memoryOf(x, y));
  for (const [shift, first] of (machine.kernel_heap[x]?.[y]?.free ?? []).entries()) {
    const list: number[] = [];
    for (let block = first; block !== 0; block = words[(block - baseOf(x, y)) / 4] as number) {
      list.push(block - baseOf(x, y));
    }
    if (list.length > 0) lists[shift] = list;
  }
  return lists;
}

describe("the kernel heaps", () => {
  it("dynamically allocate virtual memory from the kernel heaps distributed in each cluster", () => {
    const { _remote_malloc, bytes, locate } = machine;
    for (const [x, y] of [
      [0, 0],
      [0, 1],
      [1, 1],
      [2, 0],
      [2, 1],
    ] as const) {
      const ptr = _remote_malloc(1000, x, y);
      const other = _remote_malloc(1000, x, y);
      fillPattern(bytes(ptr), 0, 1024, 1);
      fillPattern(bytes(other), 0, 1024, 2);
      expect(patternFault(bytes(ptr), 0, 1024, 1)).toBe(-1);
      expect(locate(ptr)).toEqual({ x, y, memory: memoryOf(x, y), offset: ptr - baseOf(x, y) });
    }
    expect(machine.check().findings).toEqual([]);
  });

  it("The kernel_heap[x][y] descriptors array is stored in the kernel_data segment in cluster[0][0]", () => {
    machine._remote_malloc(64, 2, 1);
    for (let x = 0; x < 3; x++) {
      for (let y = 0; y < 2; y++) {
        const { heap_base, heap_size, alloc_base, alloc_size, free } = machine.kernel_heap[x]?.[y] ?? ({} as never);
        expect(descriptorWord(x, y, DescriptorWord.HEAP_BASE)).toBe(heap_base);
        expect(descriptorWord(x, y, DescriptorWord.HEAP_SIZE)).toBe(heap_size);
        expect(descriptorWord(x, y, DescriptorWord.ALLOC_BASE)).toBe(alloc_base);
        expect(descriptorWord(x, y, DescriptorWord.ALLOC_SIZE)).toBe(alloc_size);
        expect(free.map((_, shift) => descriptorWord(x, y, DescriptorWord.FREE + shift))).toEqual(free);
      }
    }
    // A place of its own: the array goes where the config says.
    const memory = new SharedArrayBuffer(MEMORY_BYTES);
    const placed = giet({
      clusters: [[{ memory, vsegs: [{ ...heapVseg(0, 0), offset: 0x1_0000 }] }]],
      kernel_data: 640,
    });
    placed._heap_init();
    expect(new Uint32Array(memory)[640 / 4 + DescriptorWord.HEAP_SIZE]).toBe(HEAP_BYTES);
  });

  it("Each entry [x][y] contains a heap descriptor, defining the current heap state in cluster[x][y]", () => {
    expect(machine.kernel_heap).toHaveLength(3);
    expect(machine.kernel_heap.map((column) => column.length)).toEqual([2, 2, 2]);
    const descriptor = machine.kernel_heap[2]?.[1];
    expect(descriptor).toMatchObject({
      heap_base: baseOf(2, 1),
      heap_size: HEAP_BYTES,
      alloc_base: baseOf(2, 1) + 0xfc00,
      alloc_size: 0x400,
    });
    const before = machine.kernel_heap[2]?.[0]?.free;
    machine._remote_malloc(0x8000, 2, 1);
    expect(descriptor?.free[15]).toBe(0);
    expect(machine.kernel_heap[2]?.[0]?.free).toEqual(before);
    expect(before).toHaveLength(32);
  });

  it("All kernel_heap[x][y] descriptors are initialized by _heap_init(): until then there is no heap", () => {
    const clusters = [[{ memory: new SharedArrayBuffer(MEMORY_BYTES), vsegs: [heapVseg(0, 0)] }]];
    const fresh = giet({ clusters }, log);
    expect(fresh.kernel_heap[0]?.[0]?.heap_size).toBe(0);
    expect(() => fresh._remote_malloc(64, 0, 0)).toThrow("[GIET ERROR] _remote_malloc() : No heap[0][0]");
    expect(new Uint8Array(clusters[0]?.[0]?.memory as SharedArrayBuffer).every((byte) => byte === 0)).toBe(true);
    fresh._heap_init();
    expect(fresh._remote_malloc(64, 0, 0)).toBeGreaterThan(0);
  });

  it("All allocated blocks have a power of 2 size, larger or equal to MIN_BLOCK_SIZE, and are aligned", () => {
    expect([MIN_BLOCK_SIZE, machine.MIN_BLOCK_SIZE]).toEqual([64, 64]);
    for (const size of [0, 1, 63, 64, 65, 127, 128, 129, 1000, 1024, 1025, 4096, 5000, 0x8000]) {
      machine._heap_init();
      const ptr = machine._remote_malloc(size, 0, 1);
      const blockBytes = Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(1, size))));
      expect(machine.bytes(ptr)).toHaveLength(blockBytes);
      expect(ptr % blockBytes).toBe(0);
    }
  });

  it("The memory allocation is done by _remote_malloc(), and there is no free mechanism: blocks stay", () => {
    const taken = new Set<number>();
    for (let ptr = machine._remote_malloc(256, 0, 0); ptr !== 0; ptr = machine._remote_malloc(256, 0, 0))
      taken.add(ptr);
    // 63 KiB before alloc[], in blocks of 256.
    expect(taken.size).toBe((HEAP_BYTES - 0x400) / 256);
    expect(machine._remote_malloc(1, 0, 0)).toBe(0);
    expect(machine.check().findings).toEqual([]);
  });

  it("each kernel_heap[x][y] descriptor is protected by a specific queuing spin-lock: which is held by ticket", () => {
    const words = new Int32Array(memoryOf(0, 0));
    const lockOf = (x: number, y: number) => (HEAP_BYTES + (x * 2 + y) * DESCRIPTOR_BYTES) / 4;
    const [one, other] = [lockOf(0, 1), lockOf(2, 0)];
    for (let count = 0; count < 3; count++) machine._remote_malloc(64, 0, 1);
    machine._remote_malloc(64, 2, 0);
    expect([words[one + LockWord.FREE], words[one + LockWord.CURRENT], words[one + LockWord.OWNER]]).toEqual([3, 3, 0]);
    expect([words[other + LockWord.FREE], words[other + LockWord.CURRENT]]).toEqual([1, 1]);
  });
});

describe("_heap_init", () => {
  it("initialises the descriptors for all clusters containing a global vseg with the VOBJ_TYPE_HEAP: no others", () => {
    const sizes = machine.kernel_heap.map((column) => column.map(({ heap_size }) => heap_size));
    expect(sizes).toEqual([
      [HEAP_BYTES, HEAP_BYTES],
      [0, HEAP_BYTES],
      [HEAP_BYTES, HEAP_BYTES],
    ]);
    const other = { type: "VOBJ_TYPE_BUFFER", base: 0x1000, length: 77 };
    const clusters = [
      [
        { memory: new SharedArrayBuffer(MEMORY_BYTES), vsegs: [other, heapVseg(0, 0)] },
        { memory: new SharedArrayBuffer(64), vsegs: [other] },
      ],
    ];
    const mixed = giet({ clusters }, log);
    mixed._heap_init();
    expect(mixed.kernel_heap[0]?.map(({ heap_base, heap_size }) => [heap_base, heap_size])).toEqual([
      [baseOf(0, 0), HEAP_BYTES],
      [0, 0],
    ]);
  });

  it("carves 64 KiB as the original does: one free block of each size, alloc[] last", () => {
    expect(freeLists(2, 1)).toEqual({ 15: [0], 14: [0x8000], 13: [0xc000], 12: [0xe000], 11: [0xf000], 10: [0xf800] });
    expect(machine.kernel_heap[2]?.[1]?.alloc_base).toBe(baseOf(2, 1) + 0xfc00);
  });

  it.each([
    ["The vseg length must be a power of 2", { length: HEAP_BYTES - 64 }, "not power of 2"],
    ["The vseg length must be a power of 2: 0 is none", { length: 0 }, "not power of 2"],
    ["The vseg length must be a power of 2: a fraction is none", { length: 0.5 }, "not power of 2"],
    ["The vseg length must be a power of 2: NaN is none", { length: Number.NaN }, "not power of 2"],
    ["The vseg length must be a power of 2: a negative is none", { length: -64 }, "not power of 2"],
    ["The vseg base address must be aligned", { base: baseOf(2, 1) + 0x8000 }, "not aligned"],
    ["The vseg base address must be aligned: NaN is not", { base: Number.NaN }, "not aligned"],
    ["The vseg base address must be aligned: below 2^32", { base: 2 ** 32 }, "not aligned"],
    ["The vseg base address must be aligned: and not negative", { base: -HEAP_BYTES }, "not aligned"],
    ["The vseg base address must be aligned: its place in memory too", { offset: 32 }, "not aligned"],
    ["a heap smaller than a block", { length: 32, base: 0x1000 }, "smaller than MIN_BLOCK_SIZE"],
    ["a heap whose first block would be NULL", { base: 0 }, "at address 0"],
    ["a heap larger than its memory", { length: 0x4_0000, base: 0x4_0000 }, "larger than its memory"],
    ["a heap over another", { base: baseOf(0, 1) }, "overlaps another segment"],
  ])("%s, or the initialisation refuses with a GIET error", (_name, change, problem) => {
    const clusters = memories.map((column, x) =>
      column.map((memory, y) => ({
        memory,
        vsegs: [x === 2 && y === 1 ? { ...heapVseg(x, y), ...change } : heapVseg(x, y)],
      })),
    );
    const before = memories.flat().map((memory) => new Uint8Array(memory).slice());
    const kernel = giet({ clusters }, log);
    const where = problem.startsWith("overlaps") ? "0,1" : "2,1";
    const wanted = `[GIET ERROR] in _heap_init() kernel_heap[${where}] ${problem}`;
    expectGietError(() => kernel._heap_init(), "BAD_GEOMETRY", wanted);
    expect(log.messages()).toEqual([wanted]);
    expect(memories.flat().map((memory) => new Uint8Array(memory))).toEqual(before);
  });

  it.each([2 ** 20, 2 ** 31])(
    "refuses the heap of cluster [0][0] that is larger than its memory: %d bytes",
    (length) => {
      const memory = new SharedArrayBuffer(MEMORY_BYTES);
      const kernel = giet({ clusters: [[{ memory, vsegs: [{ ...heapVseg(0, 0), base: length, length }] }]] }, log);
      const wanted = "[GIET ERROR] in _heap_init() kernel_heap[0,0] larger than its memory";
      expectGietError(() => kernel._heap_init(), "BAD_GEOMETRY", wanted);
      expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
    },
  );

  it("refuses two heaps in the bytes of one memory, given as a WebAssembly.Memory and as its buffer", () => {
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true });
    const clusters = [memory, memory.buffer as unknown as SharedArrayBuffer].map((source, x) => [
      { memory: source, vsegs: [heapVseg(x, 0)] },
    ]);
    const kernel = giet({ clusters }, log);
    const wanted = "[GIET ERROR] in _heap_init() kernel_heap[0,0] overlaps another segment";
    expectGietError(() => kernel._heap_init(), "BAD_GEOMETRY", wanted);
  });

  it("refuses a heap over the kernel_data of cluster [0][0]", () => {
    const clusters = [[{ memory: new SharedArrayBuffer(MEMORY_BYTES), vsegs: [heapVseg(0, 0)] }]];
    expect(() => giet({ clusters, kernel_data: 0xff80 }, log)._heap_init()).toThrow(
      "[GIET ERROR] in _heap_init() kernel_heap[0,0] overlaps another segment",
    );
  });

  it("If there is no kernel heap in a cluster[x][y], heap_size is 0, and any request creates a GIET error", () => {
    expect(machine.kernel_heap[1]?.[0]).toMatchObject({ heap_base: 0, heap_size: 0, alloc_base: 0, alloc_size: 0 });
    for (const size of [0, 64, 2 ** 31, -1]) {
      log.clear();
      const before = memories.flat().map((memory) => new Uint8Array(memory).slice());
      const text = "[GIET ERROR] _remote_malloc() : No heap[1][0]";
      expectGietError(() => machine._remote_malloc(size, 1, 0), "BAD_ARGUMENT", text);
      expect(log.messages()).toEqual([text]);
      expect(memories.flat().map((memory) => new Uint8Array(memory))).toEqual(before);
    }
  });
});

describe("_remote_malloc", () => {
  it("uses and updates the kernel_heap[x][y] array: lower halves returned, upper halves pushed", () => {
    const ptr = machine._remote_malloc(100, 2, 0);
    expect(ptr - baseOf(2, 0)).toBe(0xf800);
    expect(freeLists(2, 0)).toEqual({
      15: [0],
      14: [0x8000],
      13: [0xc000],
      12: [0xe000],
      11: [0xf000],
      9: [0xfa00],
      8: [0xf900],
      7: [0xf880],
    });
    const alloc = new Uint8Array(memoryOf(2, 0), 0xfc00, 0x400);
    expect([...alloc.entries()].filter(([, shift]) => shift !== 0)).toEqual([[0xf800 / 64, 7]]);
  });

  it("returns a pointer on a physical memory block located in cluster[x][y]: no other memory changes", () => {
    const before = memories.flat().map((memory) => new Uint8Array(memory).slice());
    const ptr = machine._remote_malloc(200, 1, 1);
    machine.bytes(ptr).fill(0xdd);
    const changed = memories.flat().map((memory, index) => {
      const now = new Uint8Array(memory);
      return now.some((byte, at) => byte !== before[index]?.[at]);
    });
    // The descriptor in [0][0], the block in [1][1].
    expect(changed).toEqual([true, false, false, true, false, false]);
    expect(new Uint8Array(memoryOf(1, 1), ptr - baseOf(1, 1), 256).every((byte) => byte === 0xdd)).toBe(true);
  });

  it("x, y: cluster coordinates: out of range they create a GIET error", () => {
    const before = memories.flat().map((memory) => new Uint8Array(memory).slice());
    for (const [axis, call] of [
      ["x", (value: number) => machine._remote_malloc(64, value, 0)],
      ["y", (value: number) => machine._remote_malloc(64, 0, value)],
    ] as const) {
      for (const value of [axis === "x" ? 3 : 2, -1, 100, 0.5, Number.NaN, 2 ** 32, undefined as never]) {
        log.clear();
        const text = `[GIET ERROR] _remote_malloc() : ${axis} coordinate too large`;
        expectGietError(() => call(value), "BAD_ARGUMENT", text);
        expect(log.messages()).toEqual([text]);
      }
    }
    expect(memories.flat().map((memory) => new Uint8Array(memory))).toEqual(before);
    expect([machine.X_SIZE, machine.Y_SIZE]).toEqual([3, 2]);
  });

  it("The actual size is the smallest power of 2 value larger or equal to the requested size, for any value", () => {
    for (let size = 0; size <= 3000; size += 7) {
      const ptr = machine._remote_malloc(size, 0, 0);
      const blockBytes = machine.bytes(ptr).length;
      expect(blockBytes).toBeGreaterThanOrEqual(size);
      if (blockBytes > MIN_BLOCK_SIZE) expect(blockBytes / 2).toBeLessThan(size);
      machine._free(ptr);
    }
  });

  it("The base address is always aligned, to the block's size", () => {
    const sizes = [64, 1000, 64, 4000, 200, 64, 8000, 100];
    for (const size of sizes) {
      const ptr = machine._remote_malloc(size, 2, 1);
      expect(ptr % machine.bytes(ptr).length).toBe(0);
    }
    expect(machine.check().findings).toEqual([]);
  });

  it("If no block satisfying the request is available it returns a NULL pointer", () => {
    expect(machine._remote_malloc(0x8000, 0, 0)).toBe(baseOf(0, 0));
    expect(log.messages()).toEqual([]);
    expect(machine._remote_malloc(0x8000, 0, 0)).toBe(0);
    expect(log.messages()).toEqual(["[GIET ERROR] in _remote_malloc() : no more space in kernel_heap[0][0]"]);
    expect(machine._remote_malloc(0x4000, 0, 0)).toBe(baseOf(0, 0) + 0x8000);
    expect(machine._remote_malloc(0x8000, 0, 1)).toBe(baseOf(0, 1));
  });
});

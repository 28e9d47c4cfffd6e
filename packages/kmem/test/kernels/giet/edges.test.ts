// What the GIET-VM page (document 004) leaves open, and what its original is known to get wrong.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { DescriptorWord, DRAWER_COUNT, LOCK_WORDS, LockWord } from "../../../src/cluster/layout.ts";
import { KmemError } from "../../../src/index.ts";
import { type Giet, GietError, giet, LogRing, VOBJ_TYPE_HEAP } from "../../../src/kernels/giet/giet.ts";
import { thrownBy } from "../../support/expectations.ts";

const BASE = 0x5000_0000;
const LENGTH = 0x1_0000;
const ALLOC = 0xfc00;

let log: LogRing;
let memory: SharedArrayBuffer;
let machine: Giet;

beforeEach(() => {
  log = new LogRing();
  memory = new SharedArrayBuffer(2 * LENGTH);
  machine = giet({ clusters: [[{ memory, vsegs: [{ type: VOBJ_TYPE_HEAP, base: BASE, length: LENGTH }] }]] }, log);
  machine._heap_init();
});

/** The memory without the lock's tickets and who drew them, which every call that takes the lock moves on. */
function contents(): Uint8Array {
  const copy = new Uint8Array(memory).slice();
  const lock = new Int32Array(copy.buffer, LENGTH, LOCK_WORDS);
  for (const word of [LockWord.FREE, LockWord.CURRENT]) lock[word] = 0;
  lock.fill(0, LockWord.DRAWERS, LockWord.DRAWERS + DRAWER_COUNT);
  return copy;
}

/** Asserts that a call throws a GIET error of this code and exactly this message. */
function expectGietError(call: () => unknown, code: string, message: string): void {
  const error = thrownBy(call);
  expect(error).toBeInstanceOf(GietError);
  expect({ code: error.code, message: error.message }).toEqual({ code, message });
}

/** Asserts that a call prints this one message, throws it as a GIET error, and changes nothing. */
function expectError(call: () => unknown, text: string): void {
  const before = contents();
  log.clear();
  expectGietError(call, "INVALID_FREE", text);
  expect(log.messages()).toEqual([text]);
  expect(contents()).toEqual(before);
}

describe("sizes", () => {
  it("size 0 gives a block of 64 bytes", () => {
    const ptr = machine._remote_malloc(0, 0, 0);
    expect(machine.bytes(ptr)).toHaveLength(64);
    expect(machine._remote_malloc(0, 0, 0)).not.toBe(ptr);
  });

  it("half the heap is the largest block; more gives NULL, also where the original shifts out of its 32 bits", () => {
    expect(machine.bytes(machine._remote_malloc(LENGTH / 2, 0, 0))).toHaveLength(LENGTH / 2);
    machine._heap_init();
    const before = contents();
    for (const size of [
      LENGTH / 2 + 1,
      LENGTH,
      2 ** 30 + 1,
      2 ** 31,
      2 ** 31 + 1,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 1,
      2 ** 53,
    ]) {
      log.clear();
      expect(machine._remote_malloc(size, 0, 0)).toBe(0);
      expect(log.messages()).toEqual(["[GIET ERROR] in _remote_malloc() : no more space in kernel_heap[0][0]"]);
    }
    expect(contents()).toEqual(before);
  });

  it.each([Number.NaN, -1, -64, 0.5, 100.5, Number.POSITIVE_INFINITY, undefined, "64"])(
    "what is no unsigned int gives NULL and a message: %s",
    (size) => {
      const before = contents();
      expect(machine._remote_malloc(size as number, 0, 0)).toBe(0);
      const shown = typeof size === "string" ? `"${size}"` : String(size);
      expect(log.messages()).toEqual([`[GIET ERROR] in _remote_malloc() : illegal size ${shown}`]);
      expect(contents()).toEqual(before);
    },
  );

  it.each([
    [64, {}],
    [128, { 6: 0 }],
    [256, { 7: 0, 6: 128 }],
    [4096, { 11: 0, 10: 0x800, 9: 0xc00, 8: 0xe00, 7: 0xf00, 6: 0xf80 }],
    [8192, { 12: 0, 11: 0x1000, 10: 0x1800, 9: 0x1c00, 8: 0x1e00, 7: 0x1f00 }],
  ])("a heap of %i bytes has one free block of each size before alloc[]", (length, wanted) => {
    const small = giet(
      { clusters: [[{ memory, vsegs: [{ type: VOBJ_TYPE_HEAP, base: BASE, length }] }]], kernel_data: LENGTH },
      log,
    );
    small._heap_init();
    const free = [...(small.kernel_heap[0]?.[0]?.free.entries() ?? [])].filter(([, block]) => block !== 0);
    expect(Object.fromEntries(free.map(([shift, block]) => [shift, block - BASE]))).toEqual(wanted);
    expect(small.check().findings).toEqual([]);
    let blocks = 0;
    while (small._remote_malloc(1, 0, 0) !== 0) blocks++;
    expect(blocks).toBe((length - Math.max(length / 64, 64)) / 64);
  });

  it("serves a block of 1 GiB from a heap of 2 GiB at the top of the address space", () => {
    const vast = giet(
      {
        clusters: [
          [
            {
              memory: new SharedArrayBuffer(2 ** 31 + 4096),
              vsegs: [{ type: VOBJ_TYPE_HEAP, base: 2 ** 31, length: 2 ** 31 }],
            },
          ],
        ],
      },
      log,
    );
    vast._heap_init();
    const ptr = vast._remote_malloc(2 ** 30, 0, 0);
    expect(ptr).toBe(2 ** 31);
    expect(vast._remote_malloc(2 ** 29 - 1, 0, 0)).toBe(2 ** 31 + 2 ** 30);
    expect(vast._remote_malloc(2 ** 30, 0, 0)).toBe(0);
    vast._free(ptr);
    expect(vast._remote_malloc(2 ** 30, 0, 0)).toBe(ptr);
  });
});

describe("_free, which the document does not have", () => {
  it("restores the free lists of the first moment after any order of frees", () => {
    const first = machine.kernel_heap[0]?.[0]?.free;
    const ptr = machine._remote_malloc(100, 0, 0);
    expect(ptr).toBe(BASE + 0xf800);
    machine._free(ptr);
    expect(machine.kernel_heap[0]?.[0]?.free).toEqual(first);
    const blocks = [64, 100, 5000, 64, 300, 20_000, 64].map((size) => machine._remote_malloc(size, 0, 0));
    for (const index of [3, 0, 6, 5, 1, 4, 2]) machine._free(blocks[index] as number);
    expect(machine.kernel_heap[0]?.[0]?.free).toEqual(first);
    expect(new Uint8Array(memory, ALLOC, 0x400).every((shift) => shift === 0)).toBe(true);
  });

  it("refuses a pointer that lies in no heap, NULL among them", () => {
    machine._remote_malloc(64, 0, 0);
    const text = "[GIET ERROR] in _free() : illegal pointer for released block";
    for (const ptr of [0, 1, BASE - 64, BASE + LENGTH, BASE + ALLOC, BASE + LENGTH - 1, 2 ** 32, -64]) {
      expectError(() => machine._free(ptr), text);
    }
    for (const ptr of [Number.NaN, BASE + 0.5, undefined, null, "x"])
      expectError(() => machine._free(ptr as number), text);
  });

  it("refuses what is not allocated: free, freed already, or the middle of a block", () => {
    const ptr = machine._remote_malloc(256, 0, 0);
    const text = (at: number) =>
      `[GIET ERROR] in _free() : released block ${at.toString(16).toUpperCase()} not allocated in kernel_heap[0][0]`;
    for (const at of [BASE, BASE + 0x8000, ptr + 64, ptr + 128, ptr + 255, ptr + 256]) {
      expectError(() => machine._free(at), text(at));
    }
    machine._free(ptr);
    expectError(() => machine._free(ptr), text(ptr));
  });

  it("refuses a pointer into the first 64 bytes of a block as not aligned", () => {
    const ptr = machine._remote_malloc(256, 0, 0);
    for (const at of [ptr + 1, ptr + 8, ptr + 63]) {
      const shown = at.toString(16).toUpperCase();
      const text = `[GIET ERROR] in _free() : released block ${shown} not aligned in kernel_heap[0][0]`;
      expectError(() => machine._free(at), text);
    }
  });

  it("merges no further than a damaged list lets it see", () => {
    const [one, other, keeper] = [64, 64, 64].map(() => machine._remote_malloc(64, 0, 0)) as [number, number, number];
    machine._free(one);
    new Int32Array(memory)[(one - BASE) / 4] = one;
    machine._free(keeper);
    machine._free(other);
    expect(machine.kernel_heap[0]?.[0]?.free.some((block) => block === one || block === other)).toBe(true);
  });
});

describe("damage", () => {
  it("a list that names alloc[] does not make it a part of the heap", () => {
    const ptr = machine._remote_malloc(1024, 0, 0);
    new Uint32Array(memory)[LENGTH / 4 + DescriptorWord.FREE + 10] = BASE + ALLOC;
    machine._free(ptr);
    expect(machine.kernel_heap[0]?.[0]?.free.slice(10, 12)).toEqual([ptr, BASE + 0xf000]);
  });

  it("a block that alloc[] calls allocated is not handed out", () => {
    new Uint8Array(memory)[ALLOC + 0xf800 / 64] = 10;
    const before = contents();
    const text = "[GIET ERROR] in _remote_malloc() for heap[0][0] selected block 5000F800 already allocated...";
    expectGietError(() => machine._remote_malloc(1024, 0, 0), "INVALID_ADDRESS", text);
    expect(log.messages()).toEqual([text]);
    expect(contents()).toEqual(before);
    // The lock is free again: other sizes are served.
    expect(machine._remote_malloc(2048, 0, 0)).toBe(BASE + 0xf000);
  });

  it.each([BASE + 32, BASE + ALLOC, BASE - 1024, 7, BASE + LENGTH])("a link to %i is not followed", (stray) => {
    new Uint32Array(memory)[LENGTH / 4 + DescriptorWord.FREE + 10] = stray;
    const before = contents();
    const shown = stray.toString(16).toUpperCase();
    const text = `[GIET ERROR] in _remote_malloc() for heap[0][0] selected block ${shown} not a block of this heap`;
    expect(() => machine._remote_malloc(1024, 0, 0)).toThrow(text);
    expect(contents()).toEqual(before);
  });
});

describe("binding", () => {
  const segment = { type: VOBJ_TYPE_HEAP, base: BASE, length: LENGTH };

  it("gives a second binding of the same machine the same heaps", () => {
    const ptr = machine._remote_malloc(128, 0, 0);
    const second = giet({ clusters: [[{ memory, vsegs: [segment] }]], processor: 3 }, log);
    expect(second._remote_malloc(128, 0, 0)).not.toBe(ptr);
    expect(second.bytes(ptr)).toHaveLength(128);
    second._free(ptr);
    expect(() => machine.bytes(ptr)).toThrow("no block starts at");
    expect(machine.check().findings).toEqual([]);
  });

  it.each([
    ["ArrayBuffer", () => new ArrayBuffer(2 * LENGTH)],
    ["WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 2, maximum: 9 })],
    ["shared WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 2, maximum: 9, shared: true })],
  ])("works in a %s, also after it has grown", (_name, make) => {
    const source = make();
    const kernel = giet({ clusters: [[{ memory: source, vsegs: [segment] }]] }, log);
    kernel._heap_init();
    const ptr = kernel._remote_malloc(100, 0, 0);
    kernel.bytes(ptr).fill(9);
    if (source instanceof WebAssembly.Memory) source.grow(3);
    expect(kernel.kernel_heap[0]?.[0]?.heap_size).toBe(LENGTH);
    expect(kernel.bytes(ptr).every((byte) => byte === 9)).toBe(true);
    expect(kernel._remote_malloc(100, 0, 0)).toBe(ptr + 128);
    kernel._free(ptr);
    expect(kernel.check().findings).toEqual([]);
  });

  it("works in a cluster whose memory has grown since, and whose old buffer is gone", () => {
    const remote = new WebAssembly.Memory({ initial: 1, maximum: 9 });
    const clusters = [[{ memory }, { memory: remote, vsegs: [segment] }]];
    const kernel = giet({ clusters }, log);
    kernel._heap_init();
    remote.grow(1);
    const ptr = kernel._remote_malloc(100, 0, 1);
    expect(ptr).toBe(BASE + 0xf800);
    remote.grow(1);
    kernel._free(ptr);
    remote.grow(1);
    expect(kernel.check().findings).toEqual([]);
    expect(kernel.kernel_heap[0]?.[1]?.free[10]).toBe(BASE + 0xf800);
  });

  it("takes two heaps in one memory, side by side", () => {
    const shared = new SharedArrayBuffer(3 * LENGTH);
    const at = (offset: number) => ({
      memory: shared,
      vsegs: [{ ...segment, base: BASE + offset, offset }],
    });
    const kernel = giet({ clusters: [[at(LENGTH), at(2 * LENGTH)]], kernel_data: 0 }, log);
    kernel._heap_init();
    expect(kernel.locate(kernel._remote_malloc(64, 0, 1))?.offset).toBe(2 * LENGTH + 0xf800);
    expect(kernel.check().findings).toEqual([]);
    const over = giet({ clusters: [[at(LENGTH), { ...at(0), vsegs: [{ ...segment, offset: LENGTH }] }]] }, log);
    expect(() => over._heap_init()).toThrow("overlaps another segment");
  });

  it("refuses what is no machine, and writes nothing", () => {
    const cluster = { memory: new SharedArrayBuffer(LENGTH), vsegs: [segment] };
    const codeOf = (call: () => unknown): unknown => {
      try {
        return call();
      } catch (error) {
        return error instanceof KmemError ? error.code : error;
      }
    };
    for (const clusters of [[], [[]], [[cluster], []], [[cluster], [cluster, cluster]]]) {
      expect(codeOf(() => giet({ clusters }, log))).toBe("BAD_ARGUMENT");
    }
    // The heap fills its memory: there is no room behind it for kernel_heap.
    expect(codeOf(() => giet({ clusters: [[cluster]] }, log))).toBe("BAD_ARGUMENT");
    for (const kernel_data of [-64, 32, 2 * LENGTH, Number.NaN]) {
      expect(codeOf(() => giet({ clusters: [[{ ...cluster, memory }]], kernel_data }, log))).toBe("BAD_ARGUMENT");
    }
    for (const processor of [-1, 0.5, Number.NaN]) {
      expect(codeOf(() => giet({ clusters: [[{ ...cluster, memory }]], processor }, log))).toBe("BAD_ARGUMENT");
    }
    expect(codeOf(() => giet({ clusters: [[{ memory: {} as never }]] }, log))).toBe("BAD_ARGUMENT");
    expect(new Uint8Array(cluster.memory).every((byte) => byte === 0)).toBe(true);
  });

  it("locates no address outside of the heaps, and gives bytes of allocated blocks only", () => {
    const ptr = machine._remote_malloc(64, 0, 0);
    for (const at of [0, BASE - 1, BASE + LENGTH, Number.NaN, undefined as never]) {
      expect(machine.locate(at)).toBeUndefined();
      expect(() => machine.bytes(at)).toThrow(GietError);
    }
    for (const at of [ptr + 1, ptr + 64, BASE]) expect(() => machine.bytes(at)).toThrow("no block starts at");
    expect(machine.locate(ptr + 5)).toMatchObject({ x: 0, y: 0, offset: ptr + 5 - BASE });
  });

  it("prints to console.error unless told otherwise", () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const quiet = giet({ clusters: [[{ memory, vsegs: [segment] }]] });
    expect(quiet._remote_malloc(LENGTH, 0, 0)).toBe(0);
    expect(printed.mock.calls).toEqual([["[GIET ERROR] in _remote_malloc() : no more space in kernel_heap[0][0]"]]);
    printed.mockRestore();
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../../src/debug/index.ts";
import { type BaseHeap, blocksOf, checkHeap, Heap, heapStats, type KmemError, LocalHeap } from "../../../src/index.ts";
import { type CMalloc, type CMallocOptions, cMalloc, WASI_ERRORS } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { MIB } from "../../support/memories.ts";
import { throughWasm } from "./boundary.ts";

const { EINVAL, ENOMEM } = WASI_ERRORS;

let errno = 0;
let misuses: KmemError[] = [];
const hooks: Omit<CMallocOptions, "address"> = {
  setErrno: (error) => {
    errno = error;
  },
  report: (error) => misuses.push(error),
};

beforeEach(() => {
  errno = 0;
  misuses = [];
});

const HEAPS: [string, () => BaseHeap][] = [
  ["Heap", () => Heap.create({ sizeBytes: MIB })],
  ["growing Heap", () => Heap.create({ sizeBytes: MIB, maximumBytes: 2 * MIB, shared: false })],
  ["LocalHeap", () => LocalHeap.create({ sizeBytes: MIB })],
  ["DebugHeap", () => DebugHeap.create({ sizeBytes: MIB, report: () => {} })],
  ["SampledHeap", () => SampledHeap.create({ sizeBytes: MIB, sampleEvery: 2, report: () => {} })],
];

/** The calls of a face with numbers for words, whichever it takes; results are unsigned. */
function asNumbers(face: CMalloc<number> | CMalloc<bigint>, address: "i32" | "i64"): CMalloc<number> {
  const word = (value: number): number | bigint => (address === "i32" ? value | 0 : BigInt(value));
  const calls = Object.entries(throughWasm(face as CMalloc, address)).map(([name, call]) => [
    name,
    (...args: number[]) => {
      const result = (call as (...words: unknown[]) => unknown)(...args.map(word)) as number | bigint | undefined;
      return typeof result === "number" ? result >>> 0 : Number(result ?? 0);
    },
  ]);
  return Object.fromEntries(calls) as CMalloc<number>;
}

describe.each(["i32", "i64"] as const)("malloc's family over %s", (address) => {
  const pointerBytes = address === "i32" ? 4 : 8;
  const faceOf = (heap: BaseHeap | (() => BaseHeap), options: CMallocOptions = {}): CMalloc<number> =>
    asNumbers(cMalloc(heap, { ...hooks, ...options, address } as never) as CMalloc<number>, address);

  describe.each(HEAPS)("of a %s", (_name, makeHeap) => {
    let heap: BaseHeap;
    let c: CMalloc<number>;
    beforeEach(() => {
      heap = makeHeap();
      c = faceOf(heap);
    });
    const bytes = (block: number, length: number): Uint8Array => new Uint8Array(heap.buffer, block, length);
    const live = (): number => [...blocksOf(heap as Heap)].length;

    it("hands out blocks of their own, of 0 bytes too, and takes them back", () => {
      const blocks = [0, 0, 0, 1, 16, 100, 5000, 70_000].map((size) => c.malloc(size));
      expect(new Set(blocks).size).toBe(blocks.length);
      for (const block of blocks) expect(block > 0 && block % 16 === 0).toBe(true);
      expect(live()).toBe(blocks.length);
      for (const block of blocks) c.free(block);
      c.free(0);
      expect(live()).toBe(0);
      expect([errno, misuses]).toEqual([0, []]);
      expect(checkHeap(heap).findings).toEqual([]);
    });

    it("says NULL and ENOMEM where there is no memory, and nothing has changed", () => {
      const block = c.malloc(100);
      bytes(block, 100).fill(7);
      const calls: (() => number)[] = [
        () => c.malloc(3 * MIB),
        () => c.malloc(2 ** 32 - 1),
        () => c.malloc(2 ** 31),
        () => c.calloc(3, MIB),
        () => c.calloc(2 ** 16, 2 ** 16),
        () => c.calloc(2 ** 32 - 1, 2 ** 32 - 1),
        () => c.realloc(block, 3 * MIB),
        () => c.realloc(0, 2 ** 31),
        () => c.reallocarray(block, 2 ** 31, 2),
        () => c.reallocarray(block, 2 ** 31, 1),
        () => c.reallocarray(0, 2 ** 32 - 1, 2 ** 32 - 1),
        () => c.aligned_alloc(64, 3 * MIB),
        () => c.aligned_alloc(2 ** 30, 1),
        () => c.memalign(64, 2 ** 32 - 1),
      ];
      for (const call of calls) {
        errno = 0;
        expect([call(), errno]).toEqual([0, ENOMEM]);
      }
      expect(live()).toBe(1);
      expect(bytes(block, 100).every((byte) => byte === 7)).toBe(true);
      expect(misuses).toEqual([]);
    });

    it("clears what calloc returns", () => {
      const dirty = c.malloc(3000);
      bytes(dirty, 3000).fill(0xff);
      c.free(dirty);
      const blocks = [c.calloc(3, 1000), c.calloc(1000, 3), c.calloc(0, 100), c.calloc(100, 0)];
      expect(new Set(blocks).size).toBe(4);
      for (const block of blocks.slice(0, 2)) expect(bytes(block, 3000).every((byte) => byte === 0)).toBe(true);
    });

    it("resizes blocks with what they hold, and treats NULL as malloc does", () => {
      let block = c.realloc(0, 10);
      bytes(block, 10).fill(9);
      for (const size of [100, 20_000, 90_000, 50, 10]) {
        block = size === 50 ? c.reallocarray(block, 5, 10) : c.realloc(block, size);
        expect(bytes(block, 10).every((byte) => byte === 9)).toBe(true);
      }
      expect(c.reallocarray(0, 3, 7)).toBeGreaterThan(0);
      expect(live()).toBe(2);
    });

    it("makes realloc(p, 0) a block of 0 bytes, or frees it where that is wished", () => {
      const small = c.realloc(c.malloc(100), 0);
      expect(small).toBeGreaterThan(0);
      expect(live()).toBe(1);
      c.free(small);
      const freeing = faceOf(heap, { reallocZero: "free" });
      expect(freeing.realloc(freeing.malloc(100), 0)).toBe(0);
      expect(freeing.reallocarray(freeing.malloc(100), 0, 8)).toBe(0);
      expect(live()).toBe(0);
      expect(freeing.realloc(0, 0)).toBeGreaterThan(0);
      expect([errno, misuses]).toEqual([0, []]);
    });

    it("aligns as it is told, and refuses what is no alignment", () => {
      for (const alignment of [1, 2, 8, 16, 64, 256, 4096, 65_536]) {
        for (const size of [0, 1, 100, 40_000]) {
          const blocks = [c.aligned_alloc(alignment, size), c.memalign(alignment, size)];
          for (const block of blocks) expect(block > 0 && block % alignment === 0).toBe(true);
          for (const block of blocks) c.free(block);
        }
      }
      expect(errno).toBe(0);
      for (const alignment of [0, 3, 24, 100, 2 ** 31 + 1, 2 ** 32 - 1]) {
        errno = 0;
        expect([c.aligned_alloc(alignment, 10), errno]).toEqual([0, EINVAL]);
      }
      expect(c.memalign(0, 10) % 16).toBe(0);
      expect(c.memalign(100, 10) % 128).toBe(0);
      errno = 0;
      // The next power of two is a size of 64 bits only.
      expect([c.memalign(2 ** 31 + 1, 10), errno]).toEqual([0, pointerBytes === 4 ? EINVAL : ENOMEM]);
    });

    it("stores what posix_memalign makes, and returns its errors", () => {
      const place = c.malloc(24);
      const words = new DataView(heap.buffer, place, 24);
      bytes(place, 24).fill(0xee);
      // At an address that is a multiple of nothing, as C allows where the machine does.
      expect(c.posix_memalign(place + 3, 256, 100)).toBe(0);
      const block = words.getUint32(3, true);
      expect(block > 0 && block % 256 === 0).toBe(true);
      if (pointerBytes === 8) expect(words.getUint32(7, true)).toBe(0);
      expect(words.getUint8(3 + pointerBytes)).toBe(0xee);
      bytes(place, 24).fill(0xee);
      for (const alignment of [0, 1, 2, pointerBytes / 2, 12, 100]) {
        expect(c.posix_memalign(place, alignment, 100)).toBe(EINVAL);
        expect(c.posix_memalign(place, alignment, 2 ** 32 - 1)).toBe(EINVAL);
      }
      expect(c.posix_memalign(place, pointerBytes, 3 * MIB)).toBe(ENOMEM);
      expect(bytes(place, 24).every((byte) => byte === 0xee)).toBe(true);
      expect([errno, misuses, live()]).toEqual([0, [], 2]);
      const end = heap.buffer.byteLength;
      for (const result of [0, end, end - pointerBytes + 1, 2 ** 32 - 4]) {
        expect(c.posix_memalign(result, 16, 100)).toBe(EINVAL);
      }
      expect(misuses.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => "INVALID_ADDRESS"));
      expect([errno, live()]).toEqual([0, 2]);
    });

    it("says what a block can hold", () => {
      const block = c.malloc(100);
      expect(c.malloc_usable_size(block)).toBeGreaterThanOrEqual(100);
      expect(c.malloc_usable_size(0)).toBe(0);
      expect(misuses).toEqual([]);
    });

    it("reports what is wrong, and goes on as if it had not been called", () => {
      const block = c.malloc(100);
      const gone = c.malloc(100);
      c.free(gone);
      c.free(gone);
      expect(misuses.at(-1)?.code).toBe("DOUBLE_FREE");
      c.free(block + 1);
      c.free(block + 16);
      c.free(8);
      c.free(2 ** 32 - 16);
      expect(misuses.slice(1).map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => "INVALID_FREE"));
      expect([c.realloc(gone, 10), c.realloc(gone, 0), c.realloc(12, 10), c.malloc_usable_size(gone)]).toEqual([
        0, 0, 0, 0,
      ]);
      expect(errno).toBe(EINVAL);
      expect(misuses).toHaveLength(9);
      expect(live()).toBe(1);
      expect(c.malloc_usable_size(block)).toBeGreaterThanOrEqual(100);
      expect(checkHeap(heap).findings).toEqual([]);
    });

    it("throws what is wrong where that is wished, and no shortage", () => {
      const throwing = faceOf(heap, { misuse: "throw" });
      expect(thrownBy(() => throwing.free(8)).code).toBe("INVALID_FREE");
      expect(thrownBy(() => throwing.realloc(8, 10)).code).toMatch(/INVALID_/);
      expect([throwing.malloc(3 * MIB), errno, misuses]).toEqual([0, ENOMEM, []]);
    });

    it("asks for the heap when it is first called, once", () => {
      let asked = 0;
      const late = faceOf(() => {
        asked++;
        return heap;
      });
      expect(asked).toBe(0);
      late.free(late.malloc(10));
      expect([late.malloc(5) > 0, asked]).toEqual([true, 1]);
    });
  });

  it("works on addresses and sizes from 2 GiB on", () => {
    const memory = new WebAssembly.Memory({ initial: 32_768 + 64, maximum: 32_768 + 256 });
    const heap = Heap.create({ memory, start: 2 ** 31 });
    const c = faceOf(heap);
    const block = c.malloc(1000);
    expect(block).toBeGreaterThan(2 ** 31);
    const moved = c.realloc(block, 50_000);
    expect(c.malloc_usable_size(moved)).toBeGreaterThanOrEqual(50_000);
    const place = c.calloc(1, pointerBytes);
    expect(c.posix_memalign(place, 4096, 100)).toBe(0);
    const aligned = new DataView(memory.buffer).getUint32(place, true);
    expect(aligned > 2 ** 31 && aligned % 4096 === 0).toBe(true);
    for (const one of [moved, place, aligned]) c.free(one);
    c.free(moved);
    expect(misuses.map(({ code }) => code)).toEqual(["DOUBLE_FREE"]);
    expect(heapStats(heap).liveBlocks).toBe(0);
  });
});

describe("a program with 64-bit addresses", () => {
  const heap = Heap.create({ sizeBytes: MIB });
  const c = throughWasm(cMalloc(heap, { ...hooks, address: "i64" }), "i64");

  it("gets NULL for sizes that no 32 bits can say", () => {
    const block = c.malloc(10n);
    for (const call of [
      () => c.malloc(2n ** 32n),
      () => c.malloc(-1n),
      () => c.malloc(2n ** 63n - 1n),
      () => c.calloc(2n ** 40n, 2n ** 40n),
      () => c.realloc(block, 2n ** 32n + 10n),
      () => c.reallocarray(block, -1n, -1n),
      () => c.aligned_alloc(16n, 2n ** 33n),
      () => c.memalign(16n, -1n),
    ]) {
      errno = 0;
      expect([call(), errno]).toEqual([0n, ENOMEM]);
    }
    expect(c.posix_memalign(block, 16n, 2n ** 40n)).toBe(ENOMEM);
    expect(c.posix_memalign(block, 24n, 2n ** 40n)).toBe(EINVAL);
    expect(misuses).toEqual([]);
  });

  it("tells alignments that are wrong from those that no memory has, whatever the size", () => {
    const block = c.malloc(10n);
    for (const alignment of [2n ** 32n, 2n ** 33n, 2n ** 60n, 2n ** 63n]) {
      for (const size of [10n, 2n ** 40n]) {
        for (const call of [() => c.aligned_alloc(alignment, size), () => c.memalign(alignment, size)]) {
          errno = 0;
          expect([call(), errno]).toEqual([0n, ENOMEM]);
        }
        expect(c.posix_memalign(block, alignment, size)).toBe(ENOMEM);
      }
    }
    // 2⁴⁹ + 1 has a logarithm that is whole when it is rounded, and 2⁶⁰ + 1 is 2⁶⁰ as a number.
    for (const alignment of [0n, 3n, 2n ** 32n + 1n, 2n ** 49n + 1n, 2n ** 60n + 1n, -1n]) {
      for (const size of [10n, 2n ** 40n]) {
        errno = 0;
        expect([c.aligned_alloc(alignment, size), errno]).toEqual([0n, EINVAL]);
        errno = 0;
        expect([c.posix_memalign(block, alignment, size), errno]).toEqual([EINVAL, 0]);
      }
    }
    errno = 0;
    expect([c.memalign(-1n, 10n), errno]).toEqual([0n, EINVAL]);
    expect(misuses).toEqual([]);
  });

  it("has addresses above 4 GiB reported, which no block has", () => {
    const block = c.malloc(10n);
    const far = block + 2n ** 32n;
    c.free(far);
    expect([c.realloc(far, 5n), c.malloc_usable_size(far)]).toEqual([0n, 0n]);
    errno = 0;
    expect([c.posix_memalign(far, 16n, 1n), errno]).toEqual([EINVAL, 0]);
    expect(misuses.map(({ message }) => message)).toEqual(
      Array.from({ length: 4 }, () => expect.stringContaining(`0x${far.toString(16)} lies above the 4 GiB`)),
    );
    expect(c.malloc_usable_size(block)).toBeGreaterThan(0n);
  });
});

describe("the C face", () => {
  it("prints what is wrong where reports of the heap go, and once", () => {
    const printed: string[] = [];
    const heap = DebugHeap.create({ sizeBytes: MIB, report: ({ title }) => printed.push(title), print: () => {} });
    cMalloc(heap).free(12_345);
    expect(printed).toHaveLength(1);
  });

  it("refuses what WebAssembly does not give, wherever it stands, however wrong the rest is", () => {
    const c = cMalloc(Heap.create({ sizeBytes: MIB }), hooks);
    const parameters = { calloc: 2, realloc: 2, reallocarray: 3, aligned_alloc: 2, memalign: 2, posix_memalign: 3 };
    for (const [name, count] of Object.entries(parameters)) {
      const call = c[name as "calloc"] as (...all: unknown[]) => unknown;
      for (const rest of [0, 3, 2 ** 31, 2 ** 32 - 1]) {
        for (let at = 0; at < count; at++) {
          const all = Array.from({ length: count }, (_, index) => (index === at ? true : rest));
          expect(() => call(...all), `${name}(${all.join(", ")})`).toThrow(
            expect.objectContaining({ code: "BAD_ARGUMENT" }),
          );
        }
      }
    }
  });

  it("has the numbers of errors that the program's C library has", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const c = cMalloc(heap, { ...hooks, errors: { EINVAL: 22, ENOMEM: 12 } });
    expect([c.malloc(2 * MIB), errno]).toEqual([0, 12]);
    expect(c.posix_memalign(c.malloc(4), 3, 1)).toBe(22);
    expect(c.posix_memalign(c.malloc(4), 16, 2 * MIB)).toBe(12);
  });

  it("lets through what a heap that is to panic throws, and what functions of the caller's throw", () => {
    const heap = DebugHeap.create({ sizeBytes: MIB, report: () => {}, panic: true });
    const c = cMalloc(heap);
    const block = c.malloc(20);
    new Uint8Array(heap.buffer)[block + 20] = 1;
    expect(thrownBy(() => c.free(block)).code).toBe("CORRUPTION");
    const failing = cMalloc(heap, {
      setErrno: () => {
        throw new TypeError("of the caller's");
      },
    });
    expect(() => failing.malloc(2 * MIB)).toThrow("of the caller's");
  });

  it("goes on with NULL after the heap was detached", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const c = cMalloc(heap, hooks);
    const block = c.malloc(10);
    heap.detach();
    expect([c.malloc(10), c.realloc(block, 20), c.calloc(1, 1)]).toEqual([0, 0, 0]);
    c.free(block);
    expect(misuses.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => "DETACHED"));
  });

  it("refuses what is no heap, no option, or no number", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const wrong: unknown[][] = [
      [undefined],
      [{}],
      [heap, { address: "i16" }],
      [heap, { misuse: "ignore" }],
      [heap, { reallocZero: 1 }],
      [heap, { errors: { EINVAL: 1 } }],
      [heap, { errors: { EINVAL: 1, ENOMEM: 0.5 } }],
      [heap, { setErrno: 5 }],
      [heap, { noSuchOption: 1 }],
    ];
    for (const args of wrong) expect(thrownBy(() => cMalloc(...(args as [Heap]))).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => cMalloc((() => 5) as never).malloc(1)).code).toBe("BAD_ARGUMENT");
    const c = cMalloc(heap);
    expect(thrownBy(() => c.malloc("16" as never)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => c.free(16n as never)).code).toBe("BAD_ARGUMENT");
  });
});

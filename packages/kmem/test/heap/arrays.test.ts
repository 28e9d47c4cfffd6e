import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { allocArray, blocksOf, freeArray, Heap, LocalHeap } from "../../src/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const TYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

describe.each([
  ["Heap", () => Heap.create({ sizeBytes: MIB })],
  ["LocalHeap", () => LocalHeap.create({ sizeBytes: MIB })],
  ["DebugHeap", () => DebugHeap.create({ sizeBytes: MIB, report: () => undefined })],
])("an array in a %s", (_name, createHeap) => {
  const heap = createHeap();

  it.each(TYPES.map((type) => [type.name, type] as const))(
    "has elements of the type %s, all 0, and goes again",
    (_type, type) => {
      const dirty = heap.alloc(100 * type.BYTES_PER_ELEMENT);
      heap.u8(dirty).fill(0xff);
      heap.free(dirty);
      const liveCount = [...blocksOf(heap)].length;
      const array = allocArray<Iterable<number | bigint> & InstanceType<typeof type>>(heap, type as never, 100);
      expect(array).toBeInstanceOf(type);
      expect(array.length).toBe(100);
      expect([...array].every((value) => value === 0 || value === 0n)).toBe(true);
      expect(array.buffer).toBe(heap.buffer);
      expect(heap.view<ArrayBufferView>(type as never, array.byteOffset).byteLength).toBe(
        heap.usableSize(array.byteOffset),
      );
      freeArray(heap, array);
      expect([...blocksOf(heap)].length).toBe(liveCount);
      expect(thrownBy(() => freeArray(heap, array)).code).toBe("DOUBLE_FREE");
    },
  );

  it("may be empty", () => {
    const array = allocArray(heap, Float64Array, 0);
    expect(array.length).toBe(0);
    freeArray(heap, array);
  });

  it("is refused where it cannot be, and nothing is allocated", () => {
    const liveCount = [...blocksOf(heap)].length;
    const of =
      (type: unknown, length: unknown): (() => unknown) =>
      () =>
        allocArray(heap, type as never, length as never);
    for (const length of [-1, 1.5, Number.NaN, 2 ** 31, "1", null])
      expect(thrownBy(of(Int16Array, length)).code).toBe("BAD_ARGUMENT");
    for (const type of [Array, {}, null, DataView]) expect(thrownBy(of(type, 1)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(of(Float32Array, MIB)).code).toBe("OUT_OF_MEMORY");
    class Odd {
      static readonly BYTES_PER_ELEMENT = 4;
      constructor() {
        throw new Error("no array");
      }
    }
    expect(thrownBy(of(Odd, 4)).code).toBe("BAD_ARGUMENT");
    expect([...blocksOf(heap)].length).toBe(liveCount);
  });

  it("is freed by no view of other memory, or into the midst of a block", () => {
    const array = allocArray(heap, Uint8Array, 64);
    const elsewhere = new Uint8Array(new ArrayBuffer(MIB), array.byteOffset, 64);
    const inside = array.subarray(16);
    for (const view of [elsewhere, inside, new Uint8Array(heap.buffer)]) {
      expect(thrownBy(() => freeArray(heap, view)).code).toBe("INVALID_FREE");
    }
    for (const view of [undefined, array.byteOffset, {}]) {
      expect(thrownBy(() => freeArray(heap, view as never)).code).toBe("BAD_ARGUMENT");
    }
    freeArray(heap, array);
  });
});

describe("views of memory that has grown", () => {
  it("are freed where it is shared, for they have its bytes still", () => {
    const heap = Heap.create({ memory: new WebAssembly.Memory({ initial: 16, maximum: 256, shared: true }) });
    const array = allocArray(heap, Int32Array, 100);
    heap.alloc(4 * MIB);
    expect(array.buffer).not.toBe(heap.buffer);
    freeArray(heap, array);
    expect(thrownBy(() => heap.free(array.byteOffset)).code).toBe("DOUBLE_FREE");
    const other = new Int32Array(new SharedArrayBuffer(8 * MIB), array.byteOffset, 1);
    expect(thrownBy(() => freeArray(heap, other)).code).toBe("INVALID_FREE");
  });

  it("are refused where it is not, for they have no bytes left", () => {
    const heap = Heap.create({ memory: new WebAssembly.Memory({ initial: 16, maximum: 256 }) });
    const array = allocArray(heap, Int32Array, 100);
    const { byteOffset } = array;
    heap.alloc(4 * MIB);
    expect(thrownBy(() => freeArray(heap, array)).code).toBe("INVALID_FREE");
    heap.free(byteOffset);
  });
});

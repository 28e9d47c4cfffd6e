import { beforeEach, describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import type { HeapHandle } from "../../src/heap/handle.ts";
import { blockAt, Heap, heapStats, reapSlot, slotStats, watchWorker } from "../../src/index.ts";
import { Nodes } from "../../src/nodes/index.ts";
import { expectClean, expectRefusal, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: MIB });
});

describe("a handle with a place that was altered", () => {
  const alterations: readonly (readonly [string, (place: NonNullable<HeapHandle["place"]>) => unknown])[] = [
    ["a slot that is a string", (place) => ({ ...place, slot: String(place.slot) })],
    ["another slot", (place) => ({ ...place, slot: place.slot + 1 })],
    ["the slot of a living thread", (place) => ({ ...place, slot: 0 })],
    ["a slot that does not exist", (place) => ({ ...place, slot: 100 })],
    ["a slot that is no whole number", (place) => ({ ...place, slot: 1.5 })],
    ["another generation", (place) => ({ ...place, generation: place.generation + 1 })],
    ["a generation that is a BigInt", (place) => ({ ...place, generation: 1n })],
    ["another token", (place) => ({ ...place, token: place.token ^ 1 })],
    ["no token", ({ token, ...place }) => place],
    ["a lock's name that is a number", (place) => ({ ...place, lockName: 5 })],
    ["another lock's name", (place) => ({ ...place, lockName: `${place.lockName} ` })],
    ["null", () => null],
    ["a symbol", () => Symbol("place")],
    ["an array", () => []],
  ];

  it.each(alterations)("is refused: %s", (_, alter) => {
    const handle = heap.reserve();
    const altered = { ...handle, place: alter(handle.place as never) } as HeapHandle;
    expectRefusal(heap, () => Heap.attach(altered), thrownBy(() => Heap.attach(altered)).code);
    const worker = { terminate: () => {}, once: () => {} };
    expect(thrownBy(() => watchWorker(heap, worker, altered)).code).toMatch(/BAD_ARGUMENT|NO_SLOT/);
    expect(slotStats(heap).map(({ state }) => state)).toEqual(["held", "reserved"]);
    expect(Heap.attach(handle).slot).toBe(1);
    expectClean(heap);
  });

  it("is refused: the place of another heap", () => {
    const stranger = Heap.create({ sizeBytes: MIB });
    const [own, foreign] = [heap.reserve(), stranger.reserve()];
    expectRefusal(heap, () => Heap.attach({ ...own, place: foreign.place as never }), "NO_SLOT");
    expect(thrownBy(() => Heap.attach({ ...foreign, memory: heap.source })).code).toBe("NO_SLOT");
  });

  it("is good for one thread", () => {
    const handle = heap.reserve();
    const other = Heap.attach(handle);
    expect(thrownBy(() => Heap.attach(handle)).code).toBe("NO_SLOT");
    other.detach();
    expect(thrownBy(() => Heap.attach(handle)).code).toBe("NO_SLOT");
  });
});

describe("a handle", () => {
  const values: readonly unknown[] = ["0", -4096, 5, 1.5, 2 ** 32, Symbol("s"), 4096n, null, Number.NaN, {}];
  it.each(values.map((value) => [value]))("is refused whose start is %o", (start) => {
    const { handle } = heap;
    expectRefusal(heap, () => Heap.attach({ ...handle, start: start as number }), "BAD_ARGUMENT");
  });

  it("is refused whose start or memory is another", () => {
    const { handle } = heap;
    expectRefusal(heap, () => Heap.attach({ ...handle, start: 4096 }), "NOT_A_HEAP");
    const empty = new SharedArrayBuffer(MIB);
    expect(thrownBy(() => Heap.attach({ ...heap.handle, memory: empty })).code).toBe("NOT_A_HEAP");
    for (const memory of [undefined, 5, "memory", {}, new Uint8Array(8), null]) {
      expect(thrownBy(() => Heap.attach({ ...heap.handle, memory: memory as never })).code).toBe("BAD_ARGUMENT");
    }
  });

  it.each([undefined, "7", Symbol("7"), 7n, null])("is refused whose version is %o", (layoutVersion) => {
    const handle = { ...heap.handle, layoutVersion: layoutVersion as never };
    expect(thrownBy(() => Heap.attach(handle)).code).toBe("WRONG_VERSION");
  });
});

describe("the handle of a heap that is not shared", () => {
  it("is refused once it was copied, with its memory, by whatever copies it", () => {
    heap = Heap.create({ sizeBytes: MIB, shared: false });
    for (const handle of [heap.handle, heap.reserve()]) {
      const error = thrownBy(() => Heap.attach(structuredClone(handle)));
      expect(error.code).toBe("BAD_ARGUMENT");
      expect(error.message).toContain("this heap is not shared");
    }
    const moved = heap.handle;
    const transferred = structuredClone(moved, { transfer: [moved.memory as ArrayBuffer] });
    expect(thrownBy(() => Heap.attach(transferred)).message).toContain("is opened by its memory");
    expect(heapStats(Heap.attach(transferred.memory)).liveBlocks).toBe(0);
  });

  it("opens the heap in its own thread, also when all of it was detached", () => {
    heap = Heap.create({ sizeBytes: MIB, shared: false });
    const block = heap.alloc(100);
    const { handle } = heap;
    expect(Heap.attach(handle).slot).toBe(heap.slot);
    expect(Heap.attach({ ...handle }).slot).toBe(heap.slot);
    heap.detach();
    const again = Heap.create({ sizeBytes: MIB, shared: false });
    again.detach();
    expect(heapStats(Heap.attach(again.source)).liveBlocks).toBe(0);
    expect(blockAt(Heap.attach(handle), block)?.live).toBe(true);
  });

  it("is refused among the handles of nodes", () => {
    const nodes = Nodes.create({ nodes: [{ sizeBytes: MIB, shared: false }] });
    expect(thrownBy(() => Nodes.attach(structuredClone(nodes.handle), { home: 0 })).code).toBe("BAD_ARGUMENT");
  });
});

describe("a thread that gets one heap's handle again and again", () => {
  it("shares its slot, whatever object the memory comes as", () => {
    const heaps = Array.from({ length: 200 }, () => Heap.attach(structuredClone(heap.handle)));
    expect(new Set(heaps.map(({ slot }) => slot))).toEqual(new Set([heap.slot]));
    expect(heapStats(heap).heldSlots).toBe(1);
    const block = heaps[7]?.alloc(100) as number;
    heaps[150]?.free(block);
    for (const one of heaps) one.detach();
    heap.free(heap.alloc(100));
    expectClean(heap);
    heap.detach();
    expect(Heap.attach(structuredClone((heaps[0] as Heap).source)).slot).toBe(0);
  });

  it.each([false, true])("does so in memory that grows, with the heap further in: %s", (isInside) => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 64, shared: true });
    heap = Heap.create(isInside ? { memory, start: 70_000 } : { memory });
    const other = Heap.attach(structuredClone(heap.handle));
    expect(other.slot).toBe(heap.slot);
    other.free(heap.alloc(100));
    expectClean(heap);
  });

  it("takes no copy of the bytes for the heap", () => {
    const copy = new SharedArrayBuffer(MIB);
    new Uint8Array(copy).set(new Uint8Array(heap.buffer));
    const other = Heap.attach(copy);
    other.alloc(100);
    expect(heapStats(heap).liveBlocks).toBe(0);
  });

  it("has the slot of a reservation beside its own, and joins its own", () => {
    const second = Heap.attach(heap.reserve());
    expect(second.slot).toBe(1);
    expect(Heap.attach(structuredClone(heap.handle)).slot).toBe(0);
    expect(Heap.attach(heap.source).slot).toBe(0);
  });

  it("does not join what was reaped, nor what another heap has taken the place of", () => {
    const second = Heap.attach(heap.reserve());
    reapSlot(second, 0, { blocks: "free" });
    expect(Heap.attach(second.source).slot).toBe(1);
    const memory = new SharedArrayBuffer(MIB);
    const former = Heap.create({ memory });
    const latter = Heap.create({ memory });
    const joined = Heap.attach(structuredClone(memory));
    joined.detach();
    latter.alloc(100);
    expect([former.slot, heapStats(latter).heldSlots]).toEqual([0, 1]);
  });

  it("does so with heaps that are debugged", () => {
    const debugged = DebugHeap.create({ sizeBytes: MIB, report: () => {} });
    const other = DebugHeap.attach(structuredClone(debugged.handle));
    other.free(debugged.alloc(100));
    expectClean(debugged);
  });
});

describe("a handle that was altered", () => {
  const worker = { terminate: () => {}, once: () => {} };

  it.each<[string, object]>([
    ["no memory", { memory: {} }],
    ["other memory", { memory: new SharedArrayBuffer(8) }],
    ["another kind", { kind: 5 }],
    ["another start", { start: 4096 }],
  ])("is refused by a watch as by attach: %s", (_, change) => {
    const heap = Heap.create({ sizeBytes: 1 << 20 });
    const handle = heap.reserve();
    expect(thrownBy(() => watchWorker(heap, worker, { ...handle, ...change } as never)).code).toBe("BAD_ARGUMENT");
    watchWorker(heap, worker, structuredClone(handle))();
  });

  it("of a machine changes nothing of the machine", () => {
    const machine = Nodes.create({ nodes: [{ sizeBytes: 1 << 20 }, { sizeBytes: 1 << 20 }] });
    (machine.handle.distances as number[][])[0] = undefined as never;
    expect(machine.tryAlloc(5_000_000)).toBe(0);
    machine.free(machine.alloc(100));
    expect(Nodes.attach(machine.reserve(), { home: 0 }).count).toBe(2);
  });
});

// _malloc, which the GIET-VM page does not have and its original has: memory near to the processor.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, it } from "vitest";
import { DescriptorWord } from "../../../src/cluster/layout.ts";
import { KmemError } from "../../../src/index.ts";
import {
  type Giet,
  type GietCluster,
  type GietConfig,
  GietError,
  giet,
  LogRing,
  VOBJ_TYPE_HEAP,
} from "../../../src/kernels/giet/giet.ts";
import type { Orders } from "../../cluster/orders.ts";
import { thrownBy } from "../../support/expectations.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";

const HEAP_BYTES = 0x1000;
const LARGEST = HEAP_BYTES / 2;
const X_SIZE = 4;
const Y_SIZE = 3;
const baseOf = (x: number, y: number): number => 0x4000_0000 + (x * Y_SIZE + y) * 0x10_0000;

let log: LogRing;

/** A mesh of 4 × 3 clusters; those for which `hasHeap` is false have none. */
function mesh(hasHeap: (x: number, y: number) => boolean = () => true): GietCluster[][] {
  return Array.from({ length: X_SIZE }, (_, x) =>
    Array.from({ length: Y_SIZE }, (_, y) => ({
      memory: new SharedArrayBuffer(2 * HEAP_BYTES),
      vsegs: hasHeap(x, y) ? [{ type: VOBJ_TYPE_HEAP, base: baseOf(x, y), length: HEAP_BYTES }] : [],
    })),
  );
}

/** The machine as a processor in cluster [x][y] sees it. */
function machineAt(clusters: GietCluster[][], x: number, y: number): Giet {
  return giet({ clusters, cluster: { x, y } }, log);
}

/** Takes the one block of half a heap of each cluster in turn, until there are no more; gives the clusters. */
function clustersInTurn(machine: Giet): string[] {
  const places: string[] = [];
  for (let ptr = machine._malloc(LARGEST); ptr !== 0; ptr = machine._malloc(LARGEST)) {
    const { x, y } = machine.locate(ptr) ?? { x: -1, y: -1 };
    places.push(`${x},${y}`);
  }
  return places;
}

beforeEach(() => {
  log = new LogRing();
});

describe("_malloc", () => {
  it("takes from the processor's own cluster as long as that has room", () => {
    const machine = machineAt(mesh(), 2, 1);
    machine._heap_init();
    const blocks = [64, 100, 1000, 0].map((size) => machine._malloc(size));
    for (const [index, ptr] of blocks.entries()) {
      expect(machine.locate(ptr)).toMatchObject({ x: 2, y: 1 });
      fillPattern(machine.bytes(ptr), 0, machine.bytes(ptr).length, index);
    }
    for (const [index, ptr] of blocks.entries()) {
      expect(patternFault(machine.bytes(ptr), 0, machine.bytes(ptr).length, index)).toBe(-1);
    }
    expect(blocks.map((ptr) => machine.bytes(ptr).length)).toEqual([64, 128, 1024, 64]);
    expect(log.messages()).toEqual([]);
    expect(machine.check().findings).toEqual([]);
  });

  it("gives what _remote_malloc gives there, to the byte", () => {
    const [local, remote] = [machineAt(mesh(), 1, 2), machineAt(mesh(), 0, 0)];
    local._heap_init();
    remote._heap_init();
    for (const size of [100, 64, 0, 700, 65]) expect(local._malloc(size)).toBe(remote._remote_malloc(size, 1, 2));
    expect(local.kernel_heap[1]?.[2]?.free).toEqual(remote.kernel_heap[1]?.[2]?.free);
  });

  it("then goes outwards by steps along x and y, of equally near clusters the lower x, then the lower y first", () => {
    const machine = machineAt(mesh(), 1, 1);
    machine._heap_init();
    expect(clustersInTurn(machine)).toEqual(
      // 0 steps; 1; 2; 3
      ["1,1", "0,1", "1,0", "1,2", "2,1", "0,0", "0,2", "2,0", "2,2", "3,1", "3,0", "3,2"],
    );
    expect(log.messages()).toEqual(["[GIET ERROR] in _malloc() : no more space in any kernel_heap"]);
    expect(machine.check().findings).toEqual([]);
  });

  it("has another order for each cluster, and [0][0] unless the config says where the processor is", () => {
    const far = machineAt(mesh(), 3, 2);
    far._heap_init();
    expect(clustersInTurn(far).slice(0, 6)).toEqual(["3,2", "2,2", "3,1", "1,2", "2,1", "3,0"]);
    const first = giet({ clusters: mesh() }, log);
    first._heap_init();
    expect(clustersInTurn(first).slice(0, 6)).toEqual(["0,0", "0,1", "1,0", "0,2", "1,1", "2,0"]);
  });

  it("comes back to its own cluster once that has room again", () => {
    const machine = machineAt(mesh(), 0, 2);
    machine._heap_init();
    const own = machine._malloc(LARGEST);
    const other = machine._malloc(LARGEST);
    expect(machine.locate(other)).toMatchObject({ x: 0, y: 1 });
    machine._free(own);
    expect(machine._malloc(LARGEST)).toBe(own);
    machine._free(other);
    expect(machine.locate(machine._malloc(LARGEST))).toMatchObject({ x: 0, y: 1 });
  });

  it("passes over clusters without a heap, its own among them", () => {
    const machine = machineAt(
      mesh((x, y) => (x + y) % 2 === 0),
      1,
      0,
    );
    machine._heap_init();
    expect(clustersInTurn(machine)).toEqual(["0,0", "1,1", "2,0", "0,2", "2,2", "3,1"]);
  });

  it("creates a GIET error where no cluster has a heap, and before _heap_init()", () => {
    const text = "[GIET ERROR] _malloc() : No heap in any cluster";
    const bare = machineAt(
      mesh(() => false),
      0,
      0,
    );
    bare._heap_init();
    for (const machine of [bare, machineAt(mesh(), 0, 0)]) {
      log.clear();
      const error = thrownBy(() => machine._malloc(64));
      expect(error).toBeInstanceOf(GietError);
      expect({ code: error.code, message: error.message }).toEqual({ code: "BAD_ARGUMENT", message: text });
      expect(log.messages()).toEqual([text]);
    }
  });

  it("returns NULL for more than any heap has, and for what is no unsigned int, and says so once", () => {
    const machine = machineAt(mesh(), 1, 1);
    machine._heap_init();
    const before = machine.kernel_heap.map((column) => column.map(({ free }) => free));
    for (const size of [LARGEST + 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32, 2 ** 53]) {
      log.clear();
      expect(machine._malloc(size)).toBe(0);
      expect(log.messages()).toEqual(["[GIET ERROR] in _malloc() : no more space in any kernel_heap"]);
    }
    for (const size of [-1, 0.5, Number.NaN, undefined as never]) {
      log.clear();
      expect(machine._malloc(size)).toBe(0);
      expect(log.messages()).toEqual([`[GIET ERROR] in _malloc() : illegal size ${size}`]);
    }
    expect(machine.kernel_heap.map((column) => column.map(({ free }) => free))).toEqual(before);
  });

  it("stops at a damaged heap on its way, as _remote_malloc does", () => {
    const clusters = mesh();
    const machine = machineAt(clusters, 1, 1);
    machine._heap_init();
    expect(machine._malloc(LARGEST)).toBe(baseOf(1, 1));
    const entry = (HEAP_BYTES + (0 * Y_SIZE + 1) * 256) / 4 + DescriptorWord.FREE + Math.log2(LARGEST);
    new Uint32Array(clusters[0]?.[0]?.memory as SharedArrayBuffer)[entry] = 12;
    expect(() => machine._malloc(LARGEST)).toThrow("in _remote_malloc() for heap[0][1] selected block C not a block");
  });

  it.each([
    { x: X_SIZE, y: 0 },
    { x: 0, y: Y_SIZE },
    { x: -1, y: 0 },
    { x: 0, y: 0.5 },
    { x: Number.NaN, y: 0 },
    {} as { x: number; y: number },
  ])("needs a processor in a cluster that there is: %o", (cluster) => {
    const error = thrownBy(() => giet({ clusters: mesh(), cluster }, log));
    expect(error).toBeInstanceOf(KmemError);
    expect({ code: error.code, message: error.message }).toEqual({
      code: "BAD_ARGUMENT",
      message: `the processor is in a cluster that there is, not in [${cluster.x}][${cluster.y}]`,
    });
  });

  it("gives processors of different clusters blocks near to each, of which none overlap", async () => {
    const clusters = mesh();
    const machine = machineAt(clusters, 0, 0);
    machine._heap_init();
    const homes = [
      { x: 0, y: 0 },
      { x: 3, y: 2 },
    ];
    const sizes = Array.from({ length: 300 }, (_, index) => [64, 100, 200][index % 3] as number);
    const results = await Promise.all(
      homes.map(async (cluster, index) => {
        const config: GietConfig = { clusters, cluster, processor: index + 1 };
        const workerData: Orders = { name: "localMalloc", config, sizes };
        const worker = new Worker(new URL("../../cluster/worker.ts", import.meta.url), { workerData });
        const [blocks] = (await once(worker, "message")) as [number[]];
        await worker.terminate();
        return blocks;
      }),
    );
    const all = results.flat().filter((ptr) => ptr !== 0);
    expect(new Set(all).size).toBe(all.length);
    for (const [index, { x, y }] of homes.entries()) {
      const blocks = results[index] as number[];
      // The nearest room first: the own cluster is full before any block lies elsewhere.
      expect(machine.locate(blocks[0] as number)).toMatchObject({ x, y });
      expect(machine.kernel_heap[x]?.[y]?.free.slice(7).every((block) => block === 0)).toBe(true);
    }
    expect(machine.check().findings).toEqual([]);
    for (const ptr of all) machine._free(ptr);
    const free = machine.kernel_heap
      .flat()
      .map((heap) => heap.free.map((ptr) => (ptr === 0 ? 0 : ptr - heap.heap_base)));
    machine._heap_init();
    const fresh = machine.kernel_heap
      .flat()
      .map((heap) => heap.free.map((ptr) => (ptr === 0 ? 0 : ptr - heap.heap_base)));
    expect(free).toEqual(fresh);
  });
});

import { describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { Nodes, NodesOutOfMemoryError } from "../../src/nodes/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";
import { countsOf, figuresOf, machine, NODE_SPAN, nodesInTurn, RUN_BYTES } from "./machine.ts";

describe("an address", () => {
  it("names its node, from 1 to 16 of them, and is an ordinary number", () => {
    for (const count of [1, 2, 3, 16]) {
      const nodes = machine(count);
      const blocks = Array.from({ length: count * 3 }, (_, index) => {
        const node = index % count;
        const address = nodes.allocOn(node, 100 + index);
        expect(Number.isSafeInteger(address)).toBe(true);
        expect([nodes.nodeOf(address), Math.floor(address / NODE_SPAN), address % 16]).toEqual([node, node, 0]);
        const bytes = nodes.u8(address);
        expect(bytes.buffer).toBe(nodes.handle.nodes[node]?.memory);
        expect(bytes.byteOffset).toBe(address - node * NODE_SPAN);
        fillPattern(bytes, 0, bytes.length, index);
        return address;
      });
      expect(new Set(blocks).size).toBe(blocks.length);
      for (const [index, address] of blocks.entries()) {
        expect(patternFault(nodes.u8(address), 0, nodes.usableSize(address), index)).toBe(-1);
        nodes.free(address);
      }
      expect(nodes.check().findings).toEqual([]);
      expect(nodes.stats().every(({ heap }) => heap.liveBlocks === 0)).toBe(true);
    }
  });

  it("has views of every sort, on its node", () => {
    const nodes = machine(3);
    const address = nodes.allocOn(2, 64);
    nodes.i32(address)[3] = -7;
    expect(nodes.u32(address)[3]).toBe(2 ** 32 - 7);
    nodes.f64(address, 2)[1] = 0.1;
    expect(nodes.view(Float64Array, address, 2)[1]).toBe(0.1);
    expect(nodes.u8(address, 5)).toHaveLength(5);
    expect(nodes.i32(address).buffer).toBe(nodes.handle.nodes[2]?.memory);
  });

  it("is never byte 0 of a node, where the node's area or something before it stands", () => {
    const nodes = Nodes.create({ nodes: [{ sizeBytes: MIB }, { memory: new SharedArrayBuffer(MIB), start: 5000 }] });
    expect(nodes.handle.nodes.map(({ start }) => start)).toEqual([8192, 8192 + 8192]);
    expect(nodes.handle.nodes.map((handle) => heapStats(Heap.attach(handle)).startAddress)).toEqual([8192, 16_384]);
  });
});

describe("placement", () => {
  it("is at home as long as home has room", () => {
    for (const home of [0, 1, 2]) {
      const nodes = machine(3, { home });
      const random = new Random(home + 1);
      for (let block = 0; block < 200; block++) expect(nodes.nodeOf(nodes.alloc(random.size(2000)))).toBe(home);
      expect(nodes.nodeOf(nodes.calloc(10, 10))).toBe(home);
      expect(nodes.nodeOf(nodes.tryAlloc(10))).toBe(home);
      expect(nodes.nodeOf(nodes.alignedAlloc(512, 10))).toBe(home);
      expect(nodes.nodeOf(nodes.realloc(0, 10))).toBe(home);
      expect(nodes.stats().map(({ heap }) => heap.liveBlocks > 0)).toEqual([0, 1, 2].map((node) => node === home));
    }
  });

  it.each([16, 1000, RUN_BYTES])(
    "then goes by distance, of equally far nodes the lower number first: %i bytes",
    (size) => {
      const nodes = machine(4, {
        home: 1,
        distances: [
          [10, 20, 20, 20],
          [30, 10, 30, 20],
          [20, 20, 10, 20],
          [11, 20, 12, 10],
        ],
      });
      // Once all have sunk to their low watermarks, the second round takes what is above the lowest.
      const order = nodesInTurn(nodes, () => nodes.alloc(size));
      expect(order.slice(0, 4)).toEqual([1, 3, 0, 2]);
      expect(nodes.check().findings).toEqual([]);
    },
  );

  it("is on the node that is named, then by distance from that, whatever the home", () => {
    const distances = [
      [10, 20, 20],
      [20, 10, 20],
      [20, 15, 10],
    ];
    const nodes = machine(3, { distances, home: 0 });
    expect(nodesInTurn(nodes, () => nodes.allocOn(2, RUN_BYTES)).slice(0, 3)).toEqual([2, 1, 0]);
  });

  it("is on the node that is named and on no other with thisNode", () => {
    const nodes = machine(3, { home: 1 });
    for (const size of [RUN_BYTES, 3000, 16]) {
      expect(nodesInTurn(nodes, () => nodes.allocOn(2, size, { thisNode: true }))).toEqual([2]);
    }
    const error = thrownBy(() => nodes.allocOn(2, 16, { thisNode: true })) as NodesOutOfMemoryError;
    expect(error).toBeInstanceOf(NodesOutOfMemoryError);
    expect(error.nodes.map(({ node }) => node)).toEqual([2]);
    expect(nodes.stats().map(({ heap }) => heap.liveBlocks > 0)).toEqual([false, false, true]);
    expect(nodes.nodeOf(nodes.allocOn(2, 16))).toBe(0);
    expect(nodes.check().findings).toEqual([]);
  });

  it("comes home again once there is room", () => {
    const nodes = machine(2);
    const own: number[] = [];
    for (let address = nodes.alloc(RUN_BYTES); nodes.nodeOf(address) === 0; address = nodes.alloc(RUN_BYTES)) {
      own.push(address);
    }
    expect(nodes.nodeOf(nodes.alloc(RUN_BYTES))).toBe(1);
    nodes.free(own.pop() as number);
    nodes.free(own.pop() as number);
    expect(nodes.nodeOf(nodes.alloc(RUN_BYTES))).toBe(0);
  });

  it("takes free blocks that are at home before pages that are elsewhere, also below the low watermark", () => {
    const nodes = machine(2);
    const small = Array.from({ length: 6000 }, () => nodes.alloc(64));
    for (const size of [RUN_BYTES, PAGE, 100]) nodesInTurn(nodes, () => nodes.allocOn(0, size, { thisNode: true }));
    // Every other one: no slab becomes empty, and the thread's sheaf holds a part of them only.
    for (const [index, address] of small.entries()) if (index % 2 === 0) nodes.free(address);
    expect(nodes.stats()[0]?.heap.caches.find(({ blockBytes }) => blockBytes === 64)?.freeBlocks).toBeGreaterThan(1000);
    for (let index = 0; index < 3000; index++) expect(nodes.nodeOf(nodes.alloc(64))).toBe(0);
    let more = 0;
    while (nodes.nodeOf(nodes.alloc(64)) === 0) more++;
    // What was free before the frees: the rest of a sheaf and of a slab.
    expect(more).toBeLessThan(500);
  });
});

describe("realloc", () => {
  it("stays on the node of the block, whatever the home", () => {
    const nodes = machine(2, { home: 0 });
    let address = nodes.allocOn(1, 100);
    fillPattern(nodes.u8(address), 0, 100, 9);
    for (const size of [200, 5000, RUN_BYTES, 2 * RUN_BYTES, 1000, 100]) {
      address = nodes.realloc(address, size);
      expect(nodes.nodeOf(address)).toBe(1);
      expect(patternFault(nodes.u8(address), 0, 100, 9)).toBe(-1);
    }
    nodes.free(address);
    expect(nodes.stats().map(({ heap }) => heap.liveBlocks)).toEqual([0, 0]);
  });

  it("moves to the node that is nearest to where the block was, with all that it holds", () => {
    const distances = [
      [10, 12, 20],
      [12, 10, 11],
      [20, 11, 10],
    ];
    const nodes = machine(3, { distances, home: 0 });
    const address = nodes.allocOn(1, 30_000);
    const usableBytes = nodes.usableSize(address);
    fillPattern(nodes.u8(address), 0, usableBytes, 3);
    nodesInTurn(nodes, () => nodes.allocOn(1, RUN_BYTES, { thisNode: true }));
    const moved = nodes.realloc(address, 100_000);
    expect(nodes.nodeOf(moved)).toBe(2);
    expect(patternFault(nodes.u8(moved), 0, usableBytes, 3)).toBe(-1);
    expect(thrownBy(() => nodes.free(address)).code).toBe("DOUBLE_FREE");
    expect(nodes.check().findings).toEqual([]);
  });

  it("keeps the block when no node has room", () => {
    const nodes = machine(2);
    const address = nodes.allocOn(1, 1000);
    fillPattern(nodes.u8(address), 0, 1000, 4);
    const before = figuresOf(nodes);
    const error = thrownBy(() => nodes.realloc(address, 4 * MIB)) as NodesOutOfMemoryError;
    expect(error.nodes.map(({ node }) => node)).toEqual([1, 0]);
    expect(patternFault(nodes.u8(address), 0, 1000, 4)).toBe(-1);
    expect(nodes.usableSize(address)).toBeGreaterThanOrEqual(1000);
    expect(nodes.trim()).toBeGreaterThanOrEqual(0);
    expect(nodes.stats().map(({ heap }) => heap.liveBlocks)).toEqual([0, 1]);
    nodes.free(address);
    expect(before).toBeDefined();
  });
});

describe("all of it", () => {
  it("works in memory that grows and is not shared, whose old buffers are gone", () => {
    const nodes = Nodes.create({
      nodes: [0, 1].map(() => ({ sizeBytes: MIB, maximumBytes: 3 * MIB, shared: false })),
    });
    const random = new Random(8);
    const held: { address: number; bytes: number; seed: number }[] = [];
    for (let seed = 0; ; seed++) {
      const bytes = random.size(20_000) + 1;
      const address = nodes.tryAlloc(bytes);
      if (address === 0) break;
      fillPattern(nodes.u8(address), 0, bytes, seed);
      held.push({ address, bytes, seed });
    }
    expect(new Set(held.map(({ address }) => nodes.nodeOf(address))).size).toBe(2);
    for (const { address, bytes, seed } of held) {
      expect(patternFault(nodes.u8(address), 0, bytes, seed)).toBe(-1);
      nodes.free(address);
    }
    expect(nodes.check().findings).toEqual([]);
    expect(nodes.stats().every(({ heap }) => heap.liveBlocks === 0)).toBe(true);
  });

  it("goes on taking from the sheaves of a node whose buffer has been replaced by a larger one", () => {
    const grown = { sizeBytes: MIB, maximumBytes: 3 * MIB, shared: false };
    for (const home of [0, 1]) {
      const nodes = Nodes.create({ nodes: [grown, grown], home });
      nodes.free(nodes.allocOn(1, 100));
      nodes.allocOn(1, 2 * MIB);
      nodes.allocOn(1, 100);
      const counts = countsOf(nodes);
      for (let block = 0; block < 20; block++) expect(nodes.nodeOf(nodes.allocOn(1, 100))).toBe(1);
      expect(countsOf(nodes)).toEqual(counts);
    }
  });

  it("is in the memories: a second object over the same nodes sees and frees what the first allocated", () => {
    const first = machine(2);
    const second = Nodes.attach(first.handle, { home: 1 });
    const [here, there] = [first.alloc(100), second.alloc(100)];
    expect([first.nodeOf(there), second.nodeOf(here)]).toEqual([1, 0]);
    second.free(here);
    first.free(there);
    expect(thrownBy(() => first.free(here)).code).toBe("DOUBLE_FREE");
    first.alloc(RUN_BYTES);
    second.alloc(RUN_BYTES);
    expect(countsOf(second)).toEqual(countsOf(first));
    expect(countsOf(first)).toEqual([
      [2, 0, 0, 2, 0],
      [2, 0, 0, 2, 0],
    ]);
    second.detach();
    expect(first.check().findings).toEqual([]);
    expect(thrownBy(() => second.alloc(8)).code).toBe("DETACHED");
    expect(first.nodeOf(first.alloc(8))).toBe(0);
  });
});

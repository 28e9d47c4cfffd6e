// What happens to requests when nodes run short: watermarks, the error, the counters.
import { describe, expect, it } from "vitest";
import { KmemError, OutOfMemoryError } from "../../src/index.ts";
import { Nodes, NodesOutOfMemoryError } from "../../src/nodes/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Random } from "../support/random.ts";
import { countsOf, figuresOf, freePages, machine, NODE_SPAN, nodesInTurn, RUN_BYTES } from "./machine.ts";

describe("watermarks", () => {
  it("hold in two rounds: all nodes sink to low before the first of them sinks to min, and none below", () => {
    const nodes = machine(3, { sizeBytes: 128 * MIB });
    const marks = nodes.stats().map(({ heap }) => heap.zones[1]?.watermarkPages) as { min: number; low: number }[];
    const [{ min, low }] = marks as [{ min: number; low: number }];
    // A run is shorter than the way from low to min, or there would be no second round; and it leaves no gaps.
    const runPages = 16;
    expect(low - min).toBeGreaterThan(runPages);
    for (const node of [0, 1, 2]) {
      while ((freePages(nodes)[node] as number) > 600) nodes.allocOn(node, MIB, { thisNode: true });
    }
    const inRounds: number[] = [0, 0];
    nodesInTurn(nodes, () => {
      const before = freePages(nodes);
      const canKeepLow = before.findIndex((pages) => pages - runPages >= low);
      const node = Math.floor(nodes.alloc(runPages * PAGE) / NODE_SPAN);
      const after = freePages(nodes) as number[];
      expect(node).toBe(canKeepLow >= 0 ? canKeepLow : before.findIndex((pages) => pages - runPages >= min));
      for (const pages of after) expect(pages).toBeGreaterThanOrEqual(min);
      inRounds[canKeepLow >= 0 ? 0 : 1]++;
      return node * NODE_SPAN + 1;
    });
    expect(inRounds[0]).toBeGreaterThan(20);
    // Each of the three once or twice.
    expect(inRounds[1]).toBeGreaterThanOrEqual(3);
    expect(freePages(nodes).every((pages) => pages - runPages < min)).toBe(true);
  });

  it("let only tryAlloc into the reserves, at home first", () => {
    const nodes = machine(2, { sizeBytes: 16 * MIB });
    nodesInTurn(nodes, () => nodes.alloc(RUN_BYTES));
    nodesInTurn(nodes, () => nodes.alloc(PAGE));
    const [home, other] = nodes.stats().map(({ heap }) => heap.zones[1]?.watermarkPages.min) as [number, number];
    expect(freePages(nodes)).toEqual([home, other]);
    expect(thrownBy(() => nodes.alloc(3 * PAGE + 28_672)).code).toBe("OUT_OF_MEMORY");
    expect(nodesInTurn(nodes, () => nodes.tryAlloc(PAGE))).toEqual([0, 1]);
    expect(freePages(nodes).map((pages) => pages < home)).toEqual([true, true]);
    expect(nodes.tryAlloc(RUN_BYTES)).toBe(0);
    expect(nodes.check().findings).toEqual([]);
  });

  it("do not hold where a node can still grow", () => {
    const nodes = Nodes.create({
      nodes: [{ sizeBytes: MIB, maximumBytes: 4 * MIB }, { sizeBytes: 4 * MIB }],
    });
    // Runs of a power of two of pages leave no gaps.
    const runBytes = 16 * PAGE;
    let bytes = 0;
    while (nodes.nodeOf(nodes.alloc(runBytes)) === 0) bytes += runBytes;
    expect(bytes).toBeGreaterThan(3 * MIB);
    expect(nodes.check().findings).toEqual([]);
  });
});

describe("out of memory", () => {
  it("is an error with the figures of all nodes in the order in which they were asked, and changes nothing", () => {
    const nodes = machine(3, { home: 2 });
    const kept = nodes.alloc(100);
    nodesInTurn(nodes, () => nodes.alloc(RUN_BYTES));
    const before = figuresOf(nodes);
    const error = thrownBy(() => nodes.alloc(RUN_BYTES)) as NodesOutOfMemoryError;
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toBeInstanceOf(KmemError);
    expect([error.name, error.code, error.askedBytes]).toEqual(["NodesOutOfMemoryError", "OUT_OF_MEMORY", RUN_BYTES]);
    expect(error.nodes.map(({ node }) => node)).toEqual([2, 0, 1]);
    const free = freePages(nodes);
    for (const { node, freeBytes, largestFreeRunBytes } of error.nodes) {
      expect(freeBytes).toBe((free[node] as number) * PAGE);
      expect(largestFreeRunBytes).toBeLessThan(RUN_BYTES + PAGE);
      expect(error.message).toContain(`node ${node} ${freeBytes}, ${largestFreeRunBytes}`);
    }
    expect(error.freeBytes).toBe(error.nodes.reduce((sum, { freeBytes }) => sum + freeBytes, 0));
    expect(error.largestFreeRunBytes).toBe(Math.max(...error.nodes.map((node) => node.largestFreeRunBytes)));
    expect(error.details["nodes"]).toEqual(error.nodes);
    expect(nodes.tryAlloc(RUN_BYTES)).toBe(0);
    expect(figuresOf(nodes)).toEqual(before);
    nodes.free(kept);
  });

  it("ends, and everything comes back to the initial state", () => {
    const nodes = machine(4, { home: 3 });
    const initial = figuresOf(nodes);
    const random = new Random(5);
    for (let round = 0; round < 3; round++) {
      const blocks: number[] = [];
      for (;;) {
        const address = nodes.tryAlloc(random.size(6000));
        if (address === 0) break;
        blocks.push(address);
      }
      expect(new Set(blocks.map((address) => nodes.nodeOf(address))).size).toBe(4);
      for (const address of random.shuffled(blocks)) nodes.free(address);
      nodes.trim();
      expect(figuresOf(nodes)).toEqual(initial);
    }
    expect(nodes.check().findings).toEqual([]);
  });
});

describe("the counters", () => {
  it("are Linux's: hits and misses where memory came from, foreign where it was wanted", () => {
    const nodes = machine(3, { home: 0 });
    const taken = { local: 0, remote: 0, missed: 0 };
    const first = nodes.alloc(RUN_BYTES);
    nodes.alloc(RUN_BYTES);
    taken.local = 2;
    nodes.allocOn(2, RUN_BYTES);
    taken.remote = 1;
    expect(countsOf(nodes)).toEqual([
      [2, 0, 0, 2, 0],
      [0, 0, 0, 0, 0],
      [1, 0, 0, 0, 1],
    ]);
    for (;;) {
      if (nodes.nodeOf(nodes.alloc(RUN_BYTES)) === 0) taken.local++;
      else if (++taken.missed === 3) break;
    }
    expect(countsOf(nodes)).toEqual([
      [taken.local, 0, 3, taken.local, 0],
      [0, 3, 0, 0, 3],
      [1, 0, 0, 0, 1],
    ]);
    // Wanted of node 2, and got from home, is a miss there and yet local.
    nodesInTurn(nodes, () => nodes.allocOn(2, RUN_BYTES, { thisNode: true }));
    nodes.free(first);
    const before = countsOf(nodes) as [number[], number[], number[]];
    expect(nodes.nodeOf(nodes.allocOn(2, RUN_BYTES))).toBe(0);
    const after = countsOf(nodes) as [number[], number[], number[]];
    const change = after.map((counts, node) => counts.map((count, field) => count - (before[node]?.[field] as number)));
    expect(change).toEqual([
      [0, 1, 0, 1, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 1, 0, 0],
    ]);
    expect(nodes.check().findings).toEqual([]);
  });

  it("stand still while the thread's sheaf serves, and move when it is filled", () => {
    const nodes = machine(2);
    const blocks = Array.from({ length: 10 }, () => nodes.alloc(100));
    const filled = countsOf(nodes);
    expect(filled).toEqual([
      [1, 0, 0, 1, 0],
      [0, 0, 0, 0, 0],
    ]);
    for (let round = 0; round < 100; round++) {
      for (const [index, address] of blocks.entries()) {
        nodes.free(address);
        blocks[index] = nodes.alloc(100);
      }
    }
    expect(countsOf(nodes)).toEqual(filled);
    for (let block = 0; block < 200; block++) nodes.alloc(100);
    const [home] = countsOf(nodes) as [number[]];
    expect(home[0]).toBeGreaterThan(1);
    expect(home[0]).toBeLessThan(50);
  });

  it("count each refused request nowhere", () => {
    const nodes = machine(2);
    expect(() => nodes.alloc(4 * MIB)).toThrow(NodesOutOfMemoryError);
    expect(nodes.tryAlloc(4 * MIB)).toBe(0);
    expect(countsOf(nodes)).toEqual([
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });
});

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { blocksOf, Heap } from "../../src/index.ts";
import { Nodes } from "../../src/nodes/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { countsOf, figuresOf } from "./machine.ts";
import { Mailbox } from "./mailbox.ts";
import type { NodesOrders, NodesReport } from "./worker.ts";

const workers: Worker[] = [];

/** Starts threads with these homes, each of which sends its blocks to the next. */
function startRing(nodes: Nodes, homes: readonly number[], blocks: number): Promise<NodesReport[]> {
  const boxes = homes.map(() => Mailbox.makeBuffer());
  const gate = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(gate)[0] = homes.length;
  return Promise.all(
    homes.map(async (home, index) => {
      const inbox = boxes[index] as SharedArrayBuffer;
      const outbox = boxes[(index + 1) % homes.length] as SharedArrayBuffer;
      const workerData: NodesOrders = { handle: nodes.handle, home, seed: index + 1, blocks, inbox, outbox, gate };
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData });
      workers.push(worker);
      const [report] = (await once(worker, "message")) as [NodesReport];
      return report;
    }),
  );
}

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe("threads at home on different nodes", () => {
  it.each([
    ["of one size", [{ sizeBytes: 4 * MIB }, { sizeBytes: 4 * MIB }, { sizeBytes: 4 * MIB }]],
    [
      "of different sorts",
      [
        { sizeBytes: MIB, maximumBytes: 6 * MIB },
        { memory: new SharedArrayBuffer(5 * MIB), start: 70_001 },
        { sizeBytes: 3 * MIB, dmaBytes: MIB, exactFrees: true },
      ],
    ],
  ])(
    "allocate there, free what others allocated elsewhere, and leave nothing behind: nodes %s",
    async (_name, options) => {
      const nodes = Nodes.create({ nodes: options });
      // Memory that can grow keeps what it has grown by, so it grows first.
      while (nodes.tryAlloc(100_000) !== 0);
      for (const [node, handle] of nodes.handle.nodes.entries()) {
        const heap = Heap.attach(handle);
        for (const { address } of [...blocksOf(heap)]) nodes.free(node * 2 ** 32 + address);
        heap.detach();
      }
      nodes.trim();
      const initial = figuresOf(nodes);
      const countsBefore = countsOf(nodes);
      const homes = [0, 1, 2, 1];
      const blocks = 4000;
      const reports = await startRing(nodes, homes, blocks);
      expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
      for (const [index, home] of homes.entries()) {
        const { blocksByNode, freedElsewhere } = reports[index] as NodesReport;
        expect(sum(blocksByNode)).toBe(blocks);
        expect(blocksByNode[home]).toBeGreaterThan(blocks * 0.8);
        // The thread before each one is at home on another node.
        expect(freedElsewhere).toBeGreaterThan(blocks * 0.8);
      }
      expect(nodes.check().findings).toEqual([]);
      nodes.trim();
      expect(nodes.stats().map(({ heap }) => heap.liveBlocks)).toEqual([0, 0, 0]);
      expect(figuresOf(nodes)).toEqual(initial);
      const counted = countsOf(nodes).map((counts, node) =>
        counts.map((count, field) => count - (countsBefore[node]?.[field] as number)),
      );
      for (const [hit, miss, , local, other] of counted as [number, number, number, number, number][]) {
        expect(hit + miss).toBe(local + other);
        expect(local).toBeGreaterThan(0);
        expect(other).toBeGreaterThan(0);
      }
      const total = (field: number): number => sum(counted.map((counts) => counts[field] as number));
      expect(total(1)).toBe(total(2));
    },
  );

  it("go elsewhere when home is full, all of them at once", async () => {
    const nodes = Nodes.create({ nodes: [{ sizeBytes: 4 * MIB }, { sizeBytes: MIB }], home: 0 });
    const initial = figuresOf(nodes);
    const held: number[] = [];
    for (let address = 1; address !== 0; ) {
      try {
        address = nodes.allocOn(1, 40_000, { thisNode: true });
        held.push(address);
      } catch {
        address = 0;
      }
    }
    // Room for what a thread needs to attach, and little more.
    for (const address of held.splice(0, 3)) nodes.free(address);
    const reports = await startRing(nodes, [1, 1, 0], 2000);
    expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
    const counts = countsOf(nodes) as [number[], number[]];
    // Missed at home, and found on node 0.
    expect(counts[1][2]).toBeGreaterThan(0);
    expect(counts[0][1]).toBeGreaterThanOrEqual(counts[1][2] as number);
    for (const address of held) nodes.free(address);
    nodes.trim();
    expect(nodes.check().findings).toEqual([]);
    expect(figuresOf(nodes)).toEqual(initial);
  });

  it("find no room on a node all of whose slots are held, and then hold none elsewhere", () => {
    const nodes = Nodes.create({ nodes: [{ sizeBytes: MIB }, { sizeBytes: MIB, slotCount: 2 }, { sizeBytes: MIB }] });
    const second = Nodes.attach(nodes.reserve(), { home: 2 });
    expect(second.nodeOf(second.alloc(8))).toBe(2);
    expect(thrownBy(() => nodes.reserve()).code).toBe("NO_SLOT");
    expect(nodes.stats().map(({ heap }) => heap.heldSlots)).toEqual([2, 2, 2]);
    second.detach();
    const third = Nodes.attach(nodes.reserve(), { home: 0 });
    expect(third.nodeOf(third.alloc(8))).toBe(0);
    third.detach();
    expect(nodes.check().findings).toEqual([]);
  });
});

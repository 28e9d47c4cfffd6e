import { beforeEach, describe, expect, it } from "vitest";
import type { KmemError } from "../../src/index.ts";
import { Nodes, type NodesOptions } from "../../src/nodes/index.ts";
import { firstDifference, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const NODE_SPAN = 2 ** 32;

let nodes: Nodes;
let live: number;

const bytesOf = (): Uint8Array[] => nodes.handle.nodes.map(({ memory }) => new Uint8Array(memory as SharedArrayBuffer));

/** Asserts that a call throws this, and that no byte of any node has changed. */
function expectRefusal(call: () => unknown, code: string, text: string | RegExp): KmemError {
  const before = bytesOf().map((bytes) => bytes.slice());
  const error = thrownBy(call);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(text);
  for (const [node, bytes] of bytesOf().entries()) {
    expect(firstDifference(before[node] as Uint8Array, bytes)).toBe(-1);
  }
  return error;
}

beforeEach(() => {
  nodes = Nodes.create({ nodes: [{ sizeBytes: MIB }, { sizeBytes: MIB }], home: 1 });
  live = nodes.alloc(100);
});

/** What is no address of these nodes at all. */
const strangers: readonly (readonly [string, unknown, RegExp])[] = [
  ["of a node that there is not", 2 * NODE_SPAN + 4096, /it is of node 2, and the nodes are 0 to 1/],
  ["of node 1023", 1023 * NODE_SPAN, /it is of node 1023/],
  ["beyond the safe integers", 2 ** 60, /it is of node 268435456/],
  ["byte 0 of a node", NODE_SPAN, /no block starts at byte 0 of node 1/],
  ["negative", -16, /-16: it is no address/],
  ["negative, of a node", -NODE_SPAN - 16, /it is no address/],
  ["a fraction", NODE_SPAN + 4096.5, /it is no address/],
  ["NaN", Number.NaN, /NaN: it is no address/],
  ["infinite", Number.POSITIVE_INFINITY, /Infinity: it is no address/],
  ["undefined", undefined, /undefined: it is no address/],
  ["null", null, /null: it is no address/],
  ["a text", "4096", /"4096": it is no address/],
  ["an object", {}, /an object of Object class: it is no address/],
];

describe("a wrong address", () => {
  it.each(strangers)("that is %s is refused by every call", (_name, value, text) => {
    const address = value as number;
    expectRefusal(() => nodes.free(address), "INVALID_FREE", text);
    for (const call of [
      () => nodes.realloc(address, 10),
      () => nodes.usableSize(address),
      () => nodes.nodeOf(address),
      () => nodes.u8(address),
      () => nodes.i32(address, 1),
      () => nodes.view(Uint8Array, address, 1),
    ]) {
      expectRefusal(call, "INVALID_ADDRESS", text);
    }
  });

  it("of a node is refused as its heap refuses it, and the error names node and address", () => {
    const other = nodes.allocOn(0, 100);
    for (const [block, node] of [
      [live, 1],
      [other, 0],
    ] as const) {
      const base = node * NODE_SPAN;
      for (const wrong of [block + 16, block + 1, base + 16, base + MIB, base + NODE_SPAN - 16, base + 8192]) {
        const error = expectRefusal(() => nodes.free(wrong), "INVALID_FREE", `(an offset in node ${node}; the address`);
        expect(error.message).toContain(`the address is 0x${wrong.toString(16)})`);
        expect(error.details).toMatchObject({ node, offset: wrong - base, address: wrong });
        const read = expectRefusal(() => nodes.usableSize(wrong), "INVALID_ADDRESS", "no live block starts at");
        expect(read.details).toMatchObject({ node, address: wrong });
        expectRefusal(() => nodes.realloc(wrong, 5), "INVALID_ADDRESS", `node ${node}`);
      }
      nodes.free(block);
      expectRefusal(() => nodes.free(block), "DOUBLE_FREE", new RegExp(`already free.*node ${node}`));
      expectRefusal(() => nodes.u8(block), "INVALID_ADDRESS", `node ${node}`);
    }
    expect(nodes.check().findings).toEqual([]);
  });

  it("is a text, also where it names a live block", () => {
    expectRefusal(() => nodes.free(String(live) as never), "INVALID_FREE", "it is no address");
    const home = Nodes.attach(nodes.handle, { home: 0 });
    const text = String(home.alloc(100)) as never;
    expectRefusal(() => home.free(text), "INVALID_FREE", "it is no address");
    expectRefusal(() => home.usableSize(text), "INVALID_ADDRESS", "it is no address");
    home.detach();
  });

  it("does not free the block of the same byte of another node", () => {
    const other = nodes.allocOn(0, 100);
    expect(other).toBe(live - NODE_SPAN);
    nodes.free(other);
    expect(nodes.usableSize(live)).toBe(112);
    expectRefusal(() => nodes.free(other), "DOUBLE_FREE", "node 0");
    nodes.free(live);
  });

  it("0 is null: freeing it does nothing, and it has no node", () => {
    const before = bytesOf().map((bytes) => bytes.slice());
    nodes.free(0);
    nodes.free(-0);
    for (const [node, bytes] of bytesOf().entries()) {
      expect(firstDifference(before[node] as Uint8Array, bytes)).toBe(-1);
    }
    expectRefusal(() => nodes.nodeOf(0), "INVALID_ADDRESS", /no node has 0x0: no block starts at byte 0 of node 0/);
    expectRefusal(() => nodes.usableSize(0), "INVALID_ADDRESS", "0x0");
  });

  it("a view that leaves its block is refused", () => {
    expectRefusal(() => nodes.u8(live, 113), "INVALID_ADDRESS", "node 1");
    expectRefusal(() => nodes.f64(live + 4, 1), "INVALID_ADDRESS", "node 1");
    expectRefusal(() => nodes.u8(live, -1), "INVALID_ADDRESS", "node 1");
  });
});

describe("a wrong request", () => {
  it.each([Number.NaN, -1, 0.5, 2 ** 32, Number.POSITIVE_INFINITY, "16", undefined, null, true])(
    "for %s bytes is refused",
    (value) => {
      const size = value as number;
      for (const call of [
        () => nodes.alloc(size),
        () => nodes.tryAlloc(size),
        () => nodes.allocOn(0, size),
        () => nodes.allocOn(0, size, { thisNode: true }),
        () => nodes.calloc(size, 1),
        () => nodes.calloc(1, size),
        () => nodes.alignedAlloc(16, size),
        () => nodes.realloc(0, size),
        () => nodes.realloc(live, size),
      ]) {
        expectRefusal(call, "BAD_SIZE", "a size is a whole number of bytes");
      }
    },
  );

  it("for a product beyond 32 bits, or at an alignment that is none, is refused", () => {
    expectRefusal(() => nodes.calloc(2 ** 16, 2 ** 16), "BAD_SIZE", "4294967296");
    for (const alignment of [3, 0, -16, 0.5, Number.NaN]) {
      expectRefusal(() => nodes.alignedAlloc(alignment, 8), "BAD_ALIGNMENT", "power of two");
    }
  });

  it.each([2, -1, 0.5, Number.NaN, "0", undefined, null])("of node %s is refused", (node) => {
    expectRefusal(() => nodes.allocOn(node as number, 8), "BAD_ARGUMENT", "node is a node's number from 0 to 1, not");
  });
});

describe("a machine", () => {
  const size = { sizeBytes: MIB };
  const memory = new SharedArrayBuffer(2 * MIB);

  it.each([
    ["without nodes", { nodes: [] }, /nodes is a list of 1 to 1024/],
    ["with nodes that are no list", { nodes: 3 as never }, /nodes is a list of 1 to 1024, not 3/],
    ["with too many nodes", { nodes: Array(1025).fill(size) }, /nodes is a list of 1 to 1024/],
    ["with a home that there is not", { nodes: [size], home: 1 }, /home is a node's number from 0 to 0, not 1/],
    ["with a home that is no number", { nodes: [size], home: "0" as never }, /home is a node's number/],
    ["with distances of fewer nodes", { nodes: [size, size], distances: [[10]] }, /a row for each of the 2 nodes/],
    ["with a distance that is none", { nodes: [size], distances: [[11]] }, /from node 0 to node 0 is 10, not 11/],
    ["with two nodes in the same bytes", { nodes: [{ memory }, { memory, start: MIB }] }, /nodes 0 and 1 are to share/],
  ] as readonly (readonly [string, NodesOptions, RegExp])[])(
    "%s is refused before anything is made",
    (_name, options, text) => {
      expectRefusal(() => Nodes.create(options), "BAD_ARGUMENT", text);
      expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
    },
  );

  it("with a node that is too small, or begins nowhere, is refused as its heap would be", () => {
    expectRefusal(() => Nodes.create({ nodes: [{ sizeBytes: 8192 }] }), "BAD_GEOMETRY", "too small");
    expectRefusal(() => Nodes.create({ nodes: [{ sizeBytes: 4096 }] }), "BAD_ARGUMENT", "reversed");
    expectRefusal(() => Nodes.create({ nodes: [size, { sizeBytes: 30_000 }] }), "BAD_GEOMETRY", "too small");
    expectRefusal(() => Nodes.create({ nodes: [{ ...size, start: -5000 }] }), "BAD_ARGUMENT", "start");
    expectRefusal(() => Nodes.create({ nodes: [{ ...size, start: Number.NaN }] }), "BAD_ARGUMENT", "start");
  });

  it("is joined by its handle only, as it was made", () => {
    const { handle } = nodes;
    for (const wrong of [undefined, null, 7, {}, { ...handle, nodes: [] }, { ...handle, distances: [[10]] }]) {
      expectRefusal(() => Nodes.attach(wrong as never, { home: 0 }), "BAD_ARGUMENT", /nodes/);
    }
    expectRefusal(() => Nodes.attach(handle, { home: 2 }), "BAD_ARGUMENT", "home is a node's number");
    const [first, second] = handle.nodes as [never, never];
    const swapped = { ...handle, nodes: [second, first] };
    expectRefusal(() => Nodes.attach(swapped, { home: 0 }), "NOT_A_HEAP", "heap of node 0 of 2 is that of node 1 of 2");
    const half = { nodes: [first], distances: [[10]] };
    expectRefusal(() => Nodes.attach(half, { home: 0 }), "NOT_A_HEAP", "heap of node 0 of 1 is that of node 0 of 2");
    // The machine still works, and with it the slots that the refused attachments had joined.
    nodes.free(nodes.alloc(8));
    nodes.free(nodes.allocOn(0, 8));
    expect(nodes.check().findings).toEqual([]);
  });
});

describe("a detached machine", () => {
  it("throws DETACHED from every call, and changes nothing", () => {
    const again = Nodes.attach(nodes.handle, { home: 0 });
    // The sheaves of both nodes have blocks for what follows, and the slot is still this thread's.
    for (const node of [0, 1]) nodes.free(nodes.allocOn(node, 8));
    again.detach();
    for (const call of [
      () => again.alloc(8),
      () => again.tryAlloc(8),
      () => again.allocOn(1, 8),
      () => again.calloc(1, 8),
      () => again.alignedAlloc(16, 8),
      () => again.realloc(live, 8),
      () => again.realloc(0, 8),
      () => again.free(live),
      () => again.usableSize(live),
      () => again.u8(live),
      () => again.stats(),
      () => again.check(),
      () => again.trim(),
      () => again.detach(),
    ]) {
      expectRefusal(call, "DETACHED", "detached");
    }
    nodes.free(live);
    expect(nodes.check().findings).toEqual([]);
  });
});

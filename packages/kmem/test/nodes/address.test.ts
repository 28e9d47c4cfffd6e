import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KmemError, OutOfMemoryError } from "../../src/index.ts";
import { atNode, badAddress, joinAddress, splitAddress } from "../../src/nodes/address.ts";
import { MAX_NODE_COUNT, NODE_SPAN_BYTES } from "../../src/nodes/layout.ts";

describe("an address of a node", () => {
  it("goes back to its node and its byte, for every node and byte that there may be", () => {
    fc.assert(
      fc.property(fc.nat(MAX_NODE_COUNT - 1), fc.integer({ min: 1, max: 2 ** 32 - 1 }), (node, offset) => {
        const address = joinAddress(node, offset);
        expect(Number.isSafeInteger(address)).toBe(true);
        expect(splitAddress(address, MAX_NODE_COUNT)).toEqual({ node, offset });
        expect(splitAddress(address, node + 1)).toEqual({ node, offset });
        expect(splitAddress(address, node)).toBeUndefined();
      }),
    );
    expect(splitAddress(joinAddress(MAX_NODE_COUNT - 1, NODE_SPAN_BYTES - 1), MAX_NODE_COUNT)).toEqual({
      node: MAX_NODE_COUNT - 1,
      offset: NODE_SPAN_BYTES - 1,
    });
  });

  it.each([
    0,
    -0,
    NODE_SPAN_BYTES,
    -1,
    -NODE_SPAN_BYTES,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "16",
    null,
    16n,
    {},
  ])("is not %s", (value) => {
    expect(splitAddress(value, 2)).toBeUndefined();
    const error = badAddress("INVALID_FREE", "cannot free", value, 2);
    expect(error).toBeInstanceOf(KmemError);
    expect(error.code).toBe("INVALID_FREE");
    expect(error.message).toMatch(/^cannot free .*: (it is no address|no block starts at byte 0 of node [01])$/);
  });
});

describe("an error of a node's heap", () => {
  it("is told with node and address", () => {
    const error = new KmemError("INVALID_FREE", "cannot free 0x10", { address: 16, where: "outside" });
    const told = atNode(error, 3, joinAddress(3, 16)) as KmemError;
    expect(told.message).toBe("cannot free 0x10 (an offset in node 3; the address is 0x300000010)");
    expect(told.code).toBe("INVALID_FREE");
    expect(told.details).toEqual({ where: "outside", node: 3, offset: 16, address: joinAddress(3, 16) });
  });

  it("stays what it is where it is about no address", () => {
    const others = [
      new OutOfMemoryError({ askedBytes: 1, freeBytes: 2, largestFreeRunBytes: 3 }),
      new KmemError("DETACHED", "this heap was detached", {}),
      new TypeError("no"),
    ];
    for (const error of others) expect(atNode(error, 1, NODE_SPAN_BYTES + 16)).toBe(error);
  });
});

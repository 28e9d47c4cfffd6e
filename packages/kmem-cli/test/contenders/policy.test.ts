import { describe, expect, it } from "vitest";
import { policyAdapter } from "../../../kmem/test/conformance/adapters/policy.ts";
import { MEMORIES } from "../../../kmem/test/conformance/memories.ts";
import { describeConformance } from "../../../kmem/test/conformance/register.ts";
import { type Policy, type PolicyModule, policyFault, policyHeap } from "../../src/contenders/policy.ts";

const { href } = new URL("../../../../examples/course/best-fit.js", import.meta.url);
const bestFit = (await import(href)) as PolicyModule;
const PLAN = { peakLiveBytes: 1000, peakLiveBlockCount: 10, requestedBytes: 1000, opCount: 10 };

/** A policy that gives blocks one after the other and takes none back, with something changed. */
function bumping(change: Partial<Policy>): PolicyModule {
  return {
    createPolicy: ({ start, end }) => {
      let next = start;
      const alloc = (sizeBytes: number): number => {
        const address = next;
        if (address + sizeBytes > end) return 0;
        next += Math.ceil(sizeBytes / 16) * 16;
        return address;
      };
      return { alloc, free: () => {}, usableSize: () => 5008, ...change };
    },
  };
}

describe("a user's policy", () => {
  describeConformance(
    policyAdapter("best fit of the course", bestFit),
    MEMORIES.filter(({ name }) => name === "SharedArrayBuffer"),
  );

  it("is a heap for a replay: malloc's family is made of alloc and free, and pages in use are counted", () => {
    const heap = policyHeap(bestFit, PLAN);
    expect(heap.footprintBytes).toBe(0);
    const block = heap.calloc(10, 10);
    expect(new Uint8Array(heap.buffer, block, 100)).toEqual(new Uint8Array(100));
    expect(heap.footprintBytes).toBe(4096);
    const moved = heap.realloc(block, 5000);
    expect(heap.alignedAlloc(4096, 100) % 4096).toBe(0);
    expect(heap.alloc(0)).toBeGreaterThan(0);
    expect(() => heap.alloc(2 ** 31)).toThrow(expect.objectContaining({ code: "OUT_OF_MEMORY" }));
    heap.free(moved);
    expect(heap.check().findings).toEqual([]);
  });

  it("may count for itself, and say what is wrong inside", () => {
    const finding = { address: 1, problem: "a hole is lost" };
    const heap = policyHeap(bumping({ footprintBytes: 7, check: () => [finding] }), PLAN);
    expect(heap.footprintBytes).toBe(7);
    expect(heap.check().findings).toEqual([finding]);
  });
});

describe("the exports of a policy's file", () => {
  it.each([
    ["best fit of the course", bestFit],
    ["one that takes nothing back", bumping({})],
    ["a whole heap, as the built-in ones are", { createHeap: () => ({}) }],
  ])("are right: %s", (_, module) => {
    expect(policyFault(module)).toBeUndefined();
  });

  it.each([
    [{}, "it exports neither createPolicy nor createHeap"],
    [{ createPolicy: 1 }, "its createPolicy is no function"],
    [{ createHeap: 1 }, "its createHeap is no function"],
    [{ createPolicy: () => undefined }, "what its createPolicy makes has no alloc, no free, no usableSize"],
    [{ createPolicy: () => ({ alloc() {}, usableSize() {} }) }, "what its createPolicy makes has no free"],
    [bumping({ alloc: () => 0 }), "alloc(100) gives 0, though all of the memory is free"],
    [bumping({ alloc: () => 4104 }), "alloc(100) gives 4104, which is no multiple of 16"],
    [bumping({ alloc: () => Number.NaN }), "alloc(100) gives NaN, which is no address"],
    [bumping({ alloc: () => 16 }), "alloc(100) gives a block outside of the memory, 16"],
    [bumping({ alloc: () => 4096 }), "alloc(1) gives 4096, in the live block at 4096"],
    [bumping({ usableSize: () => 99 }), "usableSize says 99 of a block of 100 bytes"],
  ])("are wrong: %j", (module, fault) => {
    expect(policyFault(module)).toBe(fault);
  });

  it("are wrong where more is given than there is", () => {
    let next = 4096;
    const alloc = (): number => {
      next += 8192;
      return next;
    };
    expect(policyFault(bumping({ alloc }))).toBe("alloc gives 36864 for more bytes than the memory has, not 0");
  });
});

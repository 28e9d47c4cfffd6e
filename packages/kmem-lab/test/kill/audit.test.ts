import { Heap } from "kmem";
import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../../kmem/src/heap/access.ts";
import { AllocationList } from "../../src/kill/allocation-list.ts";
import { audit } from "../../src/kill/audit.ts";
import { sealBlock } from "../../src/kill/block-seal.ts";
import { createSharedState, SharedState, type SharedWords } from "../../src/kill/shared-state.ts";

const SIZE_BYTES = 100;
let heap: Heap;
let shared: SharedWords;
let lists: AllocationList[];

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 2 ** 22 });
  shared = createSharedState(2);
  lists = [0, 1].map((thread) => new AllocationList(shared, thread));
});

function sealed(): number {
  const address = heap.alloc(SIZE_BYTES);
  sealBlock(new Int32Array(heap.buffer), address, SIZE_BYTES);
  return address;
}

function look(inFlight: readonly number[] = [], retained: readonly { address: number; pageCount: number }[] = []) {
  return audit(heap, { shared, survivors: [0, 1], retained, inFlight: new Set(inFlight) });
}

describe("the audit of a campaign", () => {
  it("finds nothing where every live allocation has a holder", () => {
    lists[0]!.add({ address: sealed(), pageCount: 0 });
    lists[1]!.add({ address: heap.pages.alloc(3), pageCount: 3 });
    Atomics.store(shared, SharedState.EXCHANGE + 5, sealed());
    const kept = sealed();
    expect(look([], [{ address: kept, pageCount: 0 }])).toEqual({
      findings: 0,
      lostBlocks: 0,
      lostPages: 0,
      problems: [],
      orphans: [],
    });
  });

  it("finds a block that is gone", () => {
    const address = sealed();
    lists[0]!.add({ address, pageCount: 0 });
    heap.free(address);
    expect(look()).toMatchObject({ lostBlocks: 1, problems: [`the allocation at ${address} is lost`] });
  });

  it("finds a block that two threads have", () => {
    const address = sealed();
    for (const allocations of lists) allocations.add({ address, pageCount: 0 });
    expect(look()).toMatchObject({ lostBlocks: 1, problems: [`two threads hold the allocation at ${address}`] });
  });

  it("finds a block without a holder, unless a dead thread had it in flight", () => {
    const address = sealed();
    expect(look()).toMatchObject({
      lostBlocks: 1,
      problems: [`no thread holds the live block at ${address}, of slot 0`],
    });
    expect(look([address])).toMatchObject({ lostBlocks: 0, problems: [], orphans: [address] });
  });

  it("finds pages without a holder, and pages that are gone", () => {
    const address = heap.pages.alloc(4);
    expect(look()).toMatchObject({ lostPages: 4, problems: ["4 pages are allocated, and 0 have a holder"] });
    lists[0]!.add({ address, pageCount: 4 });
    heap.pages.free(address, 4);
    expect(look().lostPages).toBeGreaterThanOrEqual(4);
  });

  it("finds a block in the exchange that somebody wrote to", () => {
    const address = sealed();
    Atomics.store(shared, SharedState.EXCHANGE, address);
    heap.i32(address).fill(7);
    expect(look()).toMatchObject({ lostBlocks: 1 });
  });

  it("tells what check() finds", () => {
    const address = sealed();
    lists[0]!.add({ address, pageCount: 0 });
    const { memory, pages } = layersOf(heap);
    // The count of free blocks, third word of the record of the slab.
    memory.words[pages.frames.record(address >>> 12) + 2]! ^= 1;
    expect(look().findings).toBeGreaterThan(0);
    expect(look().problems[0]).toMatch(/^check: /);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GietModel, makeMachine, runGietCampaign } from "../../campaigns/giet.ts";

const anyOperation = fc.record({
  name: fc.constantFrom("malloc", "malloc", "malloc", "free", "badFree", "badMalloc" as const),
  pick: fc.nat(1000),
  size: fc.oneof(fc.nat(200), fc.nat(5000), fc.nat(0x1_0000)),
});

describe("the kernel heaps against a plain model", () => {
  it("agree on every list of operations: addresses, contents, bytes", () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 80 }), (operations) => {
        const model = new GietModel();
        for (const operation of operations) {
          model.step(operation);
          model.verify();
        }
        model.finish();
      }),
      { numRuns: 20 },
    );
  });

  it.each([1, 2])("agree over 30,000 random operations, seed %i", (seed) => {
    runGietCampaign({ operations: 30_000, seed });
  });

  it("agree, used as the document has them, without any free", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3000), { maxLength: 200 }), (sizes) => {
        const model = new GietModel();
        for (const [pick, size] of sizes.entries()) model.step({ name: "malloc", pick, size });
        model.verify();
      }),
      { numRuns: 40 },
    );
  });

  it("notice a byte written outside of a block", () => {
    const model = new GietModel();
    model.step({ name: "malloc", pick: 0, size: 64 });
    const ptr = model.machine.kernel_heap[0]?.[0]?.heap_base ?? 0;
    const first = model.machine._remote_malloc(64, 0, 0) - 64;
    expect(first).toBeGreaterThan(ptr);
    model.machine.bytes(first)[0] ^= 1;
    expect(() => model.verify()).toThrow("has changed");
  });

  it("have a machine with one cluster that has no heap", () => {
    const machine = makeMachine(() => undefined);
    machine._heap_init();
    const sizes = machine.kernel_heap.map((column) => column.map(({ heap_size }) => heap_size));
    expect(sizes).toEqual([
      [0x1_0000, 0],
      [0x4000, 0x1000],
    ]);
  });
});

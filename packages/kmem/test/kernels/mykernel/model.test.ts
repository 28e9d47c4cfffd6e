import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "../../../src/index.ts";
import { MYKERNEL_OPERATIONS, MyKernelModel, runMyKernelCampaign } from "../../campaigns/mykernel.ts";

const anyOperation = fc.record({
  name: fc.constantFrom(...MYKERNEL_OPERATIONS),
  pick: fc.nat(1000),
  size: fc.oneof(fc.nat(64), fc.nat(5000), fc.nat(200_000)),
  flags: fc.constantFrom(0, 8),
});

describe("My Kernel against a plain model", () => {
  it("agrees on every list of operations: addresses, contents, pages", () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 60 }), (operations) => {
        const model = new MyKernelModel(Heap.create({ sizeBytes: 512 * 1024 }).source);
        for (const operation of operations) {
          model.step(operation);
          model.verify();
        }
        model.finish();
      }),
      { numRuns: 20 },
    );
  });

  it.each([1, 2])("agrees over 30,000 random operations, seed %i", (seed) => {
    runMyKernelCampaign({ operations: 30_000, seed });
  });

  it("agrees in a memory that is always full", () => {
    runMyKernelCampaign({ operations: 8000, seed: 3, sizeBytes: 512 * 1024 });
  });

  it("notices a byte written outside of a block", () => {
    const model = new MyKernelModel(Heap.create({ sizeBytes: 512 * 1024 }).source);
    model.step({ name: "kmalloc", pick: 0, size: 64, flags: 0 });
    const [block] = [...model.kernel.blocks()];
    const bytes = new Uint8Array(model.kernel.heap.buffer);
    bytes[block?.address ?? 0] ^= 1;
    expect(() => model.verify()).toThrow("has changed");
  });
});

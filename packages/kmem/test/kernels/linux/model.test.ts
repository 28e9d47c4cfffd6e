import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blocksOf, Heap } from "../../../src/index.ts";
import { LINUX_MASKS, LINUX_OPERATIONS, runLinuxCampaign } from "../../campaigns/linux.ts";
import { LinuxModel } from "./model.ts";

const anyOperation = fc.record({
  name: fc.constantFrom(...LINUX_OPERATIONS),
  pick: fc.nat(1000),
  size: fc.oneof(fc.nat(64), fc.nat(5000), fc.nat(131_048)),
  gfp: fc.constantFrom(...LINUX_MASKS),
});

const newModel = (): LinuxModel => new LinuxModel(Heap.create({ sizeBytes: 1024 * 1024, dmaBytes: 128 * 1024 }).source);

describe("Linux against a plain model", () => {
  it("agrees on every list of operations: addresses, contents, constructed states", () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 60 }), (operations) => {
        const model = newModel();
        for (const operation of operations) {
          model.step(operation);
          model.verify();
        }
        model.finish();
      }),
      { numRuns: 10 },
    );
  });

  it("agrees over 30,000 random operations", () => {
    runLinuxCampaign({ operations: 30_000, seed: 1 });
  });

  it("agrees in a memory that is always full", () => {
    runLinuxCampaign({ operations: 8000, seed: 2, sizeBytes: 1024 * 1024 });
  });

  it("notices a byte written outside of a block", () => {
    const model = newModel();
    model.step({ name: "kmalloc", pick: 0, size: 64, gfp: 7 });
    const [block] = [...blocksOf(model.kernel.heap)];
    const bytes = new Uint8Array(model.kernel.heap.buffer);
    bytes[block?.address ?? 0] ^= 1;
    expect(() => model.verify()).toThrow("has changed");
  });
});

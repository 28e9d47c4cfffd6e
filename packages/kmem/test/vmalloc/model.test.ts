import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runVmallocCampaign, VMALLOC_OPERATIONS, VmallocModel } from "../campaigns/vmalloc.ts";
import { MIB } from "../support/memories.ts";

const operation = fc.record({
  name: fc.constantFrom(...VMALLOC_OPERATIONS),
  pick: fc.nat(1000),
  size: fc.oneof(fc.nat(64), fc.nat(20_000), fc.nat(400_000)),
  offset: fc.nat(50_000),
});

describe("virtual memory against a plain model", () => {
  it.each([
    ["shared", { sizeBytes: MIB }],
    ["unshared", { sizeBytes: MIB, shared: false }],
    ["growing shared", { sizeBytes: MIB / 4, maximumBytes: 2 * MIB }],
    ["growing unshared", { sizeBytes: MIB / 4, maximumBytes: 2 * MIB, shared: false }],
  ])("agrees on every list of operations in %s memory", (_name, memory) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 50, size: "max" }), (operations) => {
        const model = new VmallocModel(memory);
        for (const step of operations) {
          model.step(step);
          model.verify();
        }
        model.finish();
      }),
      { numRuns: 6 },
    );
  });

  it("agrees over 20,000 random operations", () => {
    runVmallocCampaign({ operations: 20_000, seed: 1 });
  });

  it("agrees in a memory that is always full, and in one that grows", () => {
    runVmallocCampaign({ operations: 2000, seed: 2, memory: { sizeBytes: MIB }, checkInterval: 500 });
    runVmallocCampaign({ operations: 2000, seed: 3, memory: { sizeBytes: MIB / 2, maximumBytes: 3 * MIB } });
  });
});

describe("the model", () => {
  const allocated = (): { model: VmallocModel; address: number } => {
    const model = new VmallocModel({ sizeBytes: MIB });
    model.step({ name: "vmalloc", pick: 0, size: 9000, offset: 1 });
    return { model, address: [...model.areas.keys()][0] ?? 0 };
  };

  it("sees a changed byte", () => {
    const { model, address } = allocated();
    model.vmalloc.writeU8(address + 5000, model.vmalloc.readU8(address + 5000) ^ 1);
    expect(() => model.verify()).toThrow("has changed");
  });

  it("sees an area that it did not make, and one that is missing", () => {
    const { model, address } = allocated();
    const extra = model.vmalloc.vmalloc(1);
    expect(() => model.verify()).toThrow("there are 2 areas, not 1");
    model.vmalloc.vfree(extra);
    model.verify();
    model.vmalloc.vfree(address);
    expect(() => model.verify()).toThrow("there are 0 areas, not 1");
  });

  it("sees pages that went astray", () => {
    const { model } = allocated();
    model.layers.pages.allocate(1, 4);
    expect(() => model.verify()).toThrow("pages are in use");
  });
});

import { atomik } from "../../../src/kernels/atomik/index.ts";
import { usableBytes } from "../../../src/region/region.ts";
import type { Adapter } from "../allocator.ts";
import { bufferOf, flatMemory, orOutOfMemory, Refusals } from "./flat.ts";
import { regionAdapter } from "./region.ts";

/** The kmalloc of the Atomik pages, or its kmalloc_fast, in one region over the whole memory. */
export const atomikAdapter = (call: "kmalloc" | "kmalloc_fast"): Adapter => {
  const { "refusal of sizes": _, ...lacks } = regionAdapter("worst").lacks;
  return {
    ...regionAdapter("worst"),
    name: `kmem/atomik, ${call}`,
    lacks: { ...lacks, usableSize: "the document has none; the layer's is tried as a region" },
    create: (memory) => {
      const source = memory.make();
      const refusals = new Refusals();
      const kernel = atomik(source, refusals.console);
      const header = kernel.kmalloc_init(0, memory.sizeBytes - 1);
      const sizes = new Map<number, number>();
      const take = (sizeBytes: number): number => {
        const address = refusals.refuse(() => kernel[call](sizeBytes, header));
        if (address !== 0) sizes.set(address, usableBytes(new Int32Array(bufferOf(source)), address));
        return address;
      };
      return {
        capacityBytes: memory.sizeBytes,
        tryAlloc: take,
        alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
        free: (address) => {
          refusals.refuse(() => kernel.kfree(address, header));
          sizes.delete(address);
        },
        findings: () => kernel.check(),
        figures: () => [...sizes].toSorted(([one], [other]) => one - other),
        ...flatMemory(() => bufferOf(source)),
      };
    },
  };
};

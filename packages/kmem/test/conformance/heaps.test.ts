// Heaps and what is made of them pass the one suite that every allocator passes.
import { afterAll, beforeAll } from "vitest";
import { debugHeapAdapter, sampledHeapAdapter } from "./adapters/debug-heap.ts";
import { heapAdapter } from "./adapters/heap.ts";
import { PLACED } from "./adapters/placed.ts";
import { MEMORIES } from "./memories.ts";
import { describeConformance } from "./register.ts";

// The test runner maps each stack to the sources as it is taken, which takes longer than a debugged heap's own work.
const { prepareStackTrace } = Error;
beforeAll(() => {
  Reflect.deleteProperty(Error, "prepareStackTrace");
});
afterAll(() => {
  if (prepareStackTrace !== undefined) Error.prepareStackTrace = prepareStackTrace;
});

for (const adapter of [heapAdapter, debugHeapAdapter, sampledHeapAdapter]) describeConformance(adapter, MEMORIES);
for (const { adapter, memory } of PLACED) describeConformance(adapter, [memory]);

import { join } from "node:path";
import { describe, it } from "vitest";
import { checkKernelTrace, checkMallocTrace } from "./check-known.ts";
import { KERNEL_TRACES, MALLOC_TRACES } from "./known-traces.ts";
import { SHARED_TRACES, SHARED_TRACES_MISSING } from "./support.ts";

describe("the whole collection of traces", () => {
  for (const name of Object.keys(MALLOC_TRACES)) {
    it(`malloc trace ${name} has the known events and sizes`, async ({ skip }) => {
      skip(SHARED_TRACES_MISSING !== undefined, SHARED_TRACES_MISSING);
      await checkMallocTrace(join(SHARED_TRACES, "malloc"), name);
    });
  }

  for (const name of Object.keys(KERNEL_TRACES)) {
    it(`kernel trace ${name} has the known counts and match rates`, async ({ skip }) => {
      skip(SHARED_TRACES_MISSING !== undefined, SHARED_TRACES_MISSING);
      await checkKernelTrace(join(SHARED_TRACES, "kernel"), name);
    });
  }
});

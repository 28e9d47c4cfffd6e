import { describe, it } from "vitest";
import type { Adapter, MemoryCase } from "./allocator.ts";
import { trialsOf } from "./suite.ts";

/** Declares the suite's tests of an allocator over each memory. What cannot be tried is skipped, and says why. */
export function describeConformance(adapter: Adapter, memories: readonly MemoryCase[]): void {
  describe.each(memories)(`${adapter.name} over $name`, (memory) => {
    for (const { name, skipReason, run } of trialsOf(adapter, memory)) {
      if (skipReason === undefined) it(name, run);
      else it(`${name}: does not apply, ${skipReason}`, (context) => context.skip(skipReason));
    }
  });
}

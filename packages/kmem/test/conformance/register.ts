import { describe, it } from "vitest";
import type { Adapter, MemoryCase } from "./allocator.ts";
import { memorySkipReason, trialsOf } from "./suite.ts";

function skip(name: string, reason: string): void {
  it(`${name}: does not apply, ${reason}`, (context) => context.skip(reason));
}

/**
 * Declares the suite's tests of an allocator over each memory. What cannot be tried is skipped once, and says why: a
 * memory that there is not, and what the allocator cannot do.
 */
export function describeConformance(adapter: Adapter, memories: readonly MemoryCase[]): void {
  describe(adapter.name, () => {
    const skipped = new Set<string>();
    for (const memory of memories) {
      const reason = memorySkipReason(adapter, memory);
      if (reason !== undefined) {
        skip(`over ${memory.name}`, reason);
        continue;
      }
      describe(`over ${memory.name}`, () => {
        for (const { name, skipReason, run } of trialsOf(adapter, memory)) {
          if (skipReason === undefined) it(name, run);
          else if (!skipped.has(name)) skip(name, skipReason);
          if (skipReason !== undefined) skipped.add(name);
        }
      });
    }
  });
}

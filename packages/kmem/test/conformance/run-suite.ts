import { ADAPTERS } from "./adapters/all.ts";
import type { Adapter } from "./allocator.ts";
import { MEMORIES } from "./memories.ts";
import { memorySkipReason, trialsOf } from "./suite.ts";

/** What to run of the suite: all that has these in its name, or that has this name where it begins with "=". */
export interface SuiteParts {
  readonly allocatorPart?: string | undefined;
  readonly memoryPart?: string | undefined;
  /** An allocator of the caller's, over the memories that fit it, in place of all that have the part in their names. */
  readonly adapter?: Adapter | undefined;
}

/** How many requirements an allocator was tried on, and how many do not apply to it or to the runtime. */
export interface SuiteCounts {
  passed: number;
  skipped: number;
  failed: number;
}

function isChosen(name: string, part: string): boolean {
  return part.startsWith("=") ? name === part.slice(1) : name.includes(part);
}

/** Runs the suite in this thread, without a test runner. Says what is skipped and why, and what failed, to `log`. */
export function runSuite(
  { allocatorPart = "", memoryPart = "", adapter: given }: SuiteParts,
  log: (line: string) => void,
): SuiteCounts {
  const total: SuiteCounts = { passed: 0, skipped: 0, failed: 0 };
  const adapters = given === undefined ? ADAPTERS.filter(({ name }) => isChosen(name, allocatorPart)) : [given];
  for (const adapter of adapters) {
    for (const memory of MEMORIES.filter(({ name }) => isChosen(name, memoryPart))) {
      if (given !== undefined && memorySkipReason(adapter, memory) !== undefined) continue;
      const counts: SuiteCounts = { passed: 0, skipped: 0, failed: 0 };
      for (const { name, skipReason, run } of trialsOf(adapter, memory)) {
        try {
          if (skipReason === undefined) run();
          counts[skipReason === undefined ? "passed" : "skipped"]++;
          if (skipReason !== undefined) log(`  - ${name}: ${skipReason}`);
        } catch (error) {
          counts.failed++;
          log(`  FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      const { passed, skipped, failed } = counts;
      log(`${adapter.name} over ${memory.name}: ${passed} passed, ${skipped} skipped, ${failed} failed`);
      total.passed += passed;
      total.skipped += skipped;
      total.failed += failed;
    }
  }
  return total;
}

// The suite without a test runner, for any runtime and any allocator:
// `node packages/kmem/test/conformance/run.ts [part of an allocator's name] [part of a memory's name]`
import { ADAPTERS } from "./adapters/all.ts";
import { MEMORIES } from "./memories.ts";
import { trialsOf } from "./suite.ts";

const runtime = globalThis as { process?: { argv: readonly string[]; exitCode?: number }; Deno?: { args: string[] } };
const [allocatorPart = "", memoryPart = ""] = runtime.Deno?.args ?? runtime.process?.argv.slice(2) ?? [];
let failedCount = 0;
for (const adapter of ADAPTERS.filter(({ name }) => name.includes(allocatorPart))) {
  for (const memory of MEMORIES.filter(({ name }) => name.includes(memoryPart))) {
    const startMs = performance.now();
    const counts = { passed: 0, skipped: 0, failed: 0 };
    for (const { name, skipReason, run } of trialsOf(adapter, memory)) {
      try {
        if (skipReason === undefined) run();
        counts[skipReason === undefined ? "passed" : "skipped"]++;
        if (skipReason !== undefined) console.log(`  - ${name}: ${skipReason}`);
      } catch (error) {
        counts.failed++;
        console.log(`  FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    failedCount += counts.failed;
    const ms = Math.round(performance.now() - startMs);
    const { passed, skipped, failed } = counts;
    console.log(
      `${adapter.name} over ${memory.name}: ${passed} passed, ${skipped} skipped, ${failed} failed, ${ms} ms`,
    );
  }
}
if (failedCount > 0 && runtime.process !== undefined) runtime.process.exitCode = 1;

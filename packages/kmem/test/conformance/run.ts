// The suite without a test runner, for any runtime and any allocator:
// `node packages/kmem/test/conformance/run.ts [part of an allocator's name] [part of a memory's name]`
// In place of a name it takes the file of a policy of your own, `./best-fit.ts`: see docs/policy.md.
import { ADAPTERS } from "./adapters/all.ts";
import { type PolicyModule, policyAdapter } from "./adapters/policy.ts";
import type { Adapter } from "./allocator.ts";
import { MEMORIES } from "./memories.ts";
import { memorySkipReason, trialsOf } from "./suite.ts";

const runtime = globalThis as {
  process?: { argv: readonly string[]; exitCode?: number; cwd(): string };
  Deno?: { args: string[]; cwd(): string };
};
const [allocatorPart = "", memoryPart = ""] = runtime.Deno?.args ?? runtime.process?.argv.slice(2) ?? [];
const isFile = /\.[cm]?[jt]s$/.test(allocatorPart);

/** The allocators of a name, or the policy in a file. */
async function chosenAdapters(): Promise<readonly Adapter[]> {
  if (!isFile) return ADAPTERS.filter(({ name }) => name.includes(allocatorPart));
  const runtimeFolder = `file://${runtime.process?.cwd() ?? runtime.Deno?.cwd() ?? ""}/`;
  const module = (await import(new URL(allocatorPart, runtimeFolder).href)) as PolicyModule;
  return [policyAdapter(allocatorPart, module)];
}

let failedCount = 0;
for (const adapter of await chosenAdapters()) {
  const fitting = isFile ? MEMORIES.filter((memory) => memorySkipReason(adapter, memory) === undefined) : MEMORIES;
  for (const memory of fitting.filter(({ name }) => name.includes(memoryPart))) {
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

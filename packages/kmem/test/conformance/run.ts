// The suite without a test runner, for any runtime and any allocator:
// `node packages/kmem/test/conformance/run.ts [part of an allocator's name] [part of a memory's name]`
// In place of a name it takes the file of a policy of your own, `./best-fit.ts`: see docs/policy.md.
import { type PolicyModule, policyAdapter } from "./adapters/policy.ts";
import type { Adapter } from "./allocator.ts";
import { runSuite } from "./run-suite.ts";

const runtime = globalThis as {
  process?: { argv: readonly string[]; exitCode?: number; cwd(): string };
  Deno?: { args: string[]; exitCode: number; cwd(): string };
};
const [allocatorPart = "", memoryPart] = runtime.Deno?.args ?? runtime.process?.argv.slice(2) ?? [];

/** The policy in a file, where one is named. */
async function policyFrom(file: string): Promise<Adapter | undefined> {
  if (!/\.[cm]?[jt]s$/.test(file)) return undefined;
  const folder = `file://${runtime.process?.cwd() ?? runtime.Deno?.cwd() ?? ""}/`;
  return policyAdapter(file, (await import(new URL(file, folder).href)) as PolicyModule);
}

const adapter = await policyFrom(allocatorPart);
const startMs = performance.now();
const { passed, skipped, failed } = runSuite({ allocatorPart, memoryPart, adapter }, (line) => console.log(line));
const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
console.log(`all: ${passed} passed, ${skipped} skipped, ${failed} failed, ${seconds} s`);
if (failed > 0) {
  if (runtime.Deno !== undefined) runtime.Deno.exitCode = 1;
  else if (runtime.process !== undefined) runtime.process.exitCode = 1;
}

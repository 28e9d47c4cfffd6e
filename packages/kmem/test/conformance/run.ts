// The suite without a test runner, for any runtime and any allocator:
// `node packages/kmem/test/conformance/run.ts [part of an allocator's name] [part of a memory's name]`
import { runSuite } from "./run-suite.ts";

const runtime = globalThis as {
  process?: { argv: readonly string[]; exitCode?: number };
  Deno?: { args: string[]; exitCode: number };
};
const [allocatorPart, memoryPart] = runtime.Deno?.args ?? runtime.process?.argv.slice(2) ?? [];
const startMs = performance.now();
const { passed, skipped, failed } = runSuite({ allocatorPart, memoryPart }, (line) => console.log(line));
const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
console.log(`all: ${passed} passed, ${skipped} skipped, ${failed} failed, ${seconds} s`);
if (failed > 0) {
  if (runtime.Deno !== undefined) runtime.Deno.exitCode = 1;
  else if (runtime.process !== undefined) runtime.process.exitCode = 1;
}

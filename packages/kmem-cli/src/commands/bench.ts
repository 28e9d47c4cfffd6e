import type { Command } from "commander";
import { registerBenchFigures } from "./bench-figures.ts";
import { registerBenchKill } from "./bench-kill.ts";
import { registerBenchMemory } from "./bench-memory.ts";
import { registerBenchThreads, type ThreadsContext } from "./bench-threads.ts";

/** Adds `kmem bench` with its parts. */
export function registerBench(program: Command, context: ThreadsContext): void {
  const bench = program.command("bench").summary("measure what the documents say").description("Measures figures.");
  registerBenchFigures(bench, context);
  registerBenchThreads(bench, context);
  registerBenchKill(bench);
  registerBenchMemory(bench, context);
}

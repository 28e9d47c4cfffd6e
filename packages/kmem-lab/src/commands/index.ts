import type { Command } from "commander";
import { registerReplay } from "kmem-cli/internal/commands/replay";
import { registerAll } from "./all.ts";
import type { LabContext } from "./context.ts";
import { registerCosts } from "./costs.ts";
import { registerFigures } from "./figures.ts";
import { registerKill } from "./kill.ts";
import { registerMemory } from "./memory.ts";
import { registerThreads } from "./threads.ts";

/** Adds every subcommand to the program: `kmem replay` with more contenders, and the files in this folder. */
export function registerCommands(program: Command, context: LabContext): void {
  registerFigures(program, context);
  registerThreads(program, context);
  registerKill(program);
  registerMemory(program, context);
  registerReplay(program, context);
  registerCosts(program);
  registerAll(program);
}

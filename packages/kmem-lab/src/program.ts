import { Command } from "commander";
import { runProgram } from "kmem-cli/internal/commands/program";
import type { LabContext } from "./commands/context.ts";
import { registerCommands } from "./commands/index.ts";
import { labContenders } from "./peers/contenders.ts";
import { knownThreadContenders } from "./threads/contenders.ts";

/** The command `kmem-lab` with its subcommands, which measure this repository. */
function createLab(
  context: LabContext = { contenders: labContenders(), threadContenders: knownThreadContenders() },
): Command {
  const program = new Command("kmem-lab")
    .description("Measures what the documents of this repository say.")
    .showHelpAfterError("(kmem-lab --help says what there is)")
    .exitOverride();
  registerCommands(program, context);
  return program;
}

/** Runs one command line (as `process.argv` gives it) and resolves to its exit code, as that of `kmem`. */
export function runLab(argv: readonly string[], context?: LabContext): Promise<number> {
  return runProgram(createLab(context), argv);
}

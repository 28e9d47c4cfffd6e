import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { systemReason } from "../system/input-problem.ts";
import { printProblem } from "../system/output.ts";
import type { CommandContext } from "./context.ts";
import { registerCommands } from "./index.ts";
import { ProgramExit } from "./program-exit.ts";
import { ReportedFailure } from "./reported-failure.ts";

/** What the command's exit codes mean. */
const exitCodes = { success: 0, failure: 1, usage: 2 } as const;

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
  description: string;
};

/**
 * The command `kmem` with its subcommands. Make those with `program.command(name)`, which hands the handling of
 * errors down to them; `addCommand` does not. Of one that is named only that subcommand is loaded.
 */
export async function createProgram(context?: CommandContext, name?: string): Promise<Command> {
  const program = new Command("kmem")
    .version(manifest.version)
    .description(manifest.description)
    // What follows a subcommand's arguments is its own: `kmem record` hands it on.
    .enablePositionalOptions()
    .exitOverride();
  await registerCommands(program, context, name);
  registerHelp(program);
  nameHelp(program, "kmem");
  return program;
}

/** Adds `kmem help`: that of commander takes a name that it does not know for a wish to see all of them. */
function registerHelp(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .summary("display help for command")
    .description("Displays the help of a subcommand, or that of kmem.")
    .argument("[command...]", "a subcommand")
    .action((names: readonly string[]) => {
      let command = program;
      for (const name of names) {
        const below = command.commands.find((one) => one.name() === name);
        if (below === undefined) return command.error(`error: unknown command '${name}'`);
        command = below;
      }
      return command.help();
    });
}

/** Has each command name its own help behind an error. */
function nameHelp(command: Command, name: string): void {
  command.showHelpAfterError(`(${name} --help says what there is)`);
  for (const below of command.commands) nameHelp(below, `${name} ${below.name()}`);
}

/**
 * Runs one command line (as `process.argv` gives it) and resolves to its exit code: 0, 1 (something failed), 2 (usage),
 * that of a program that was run, or what a subcommand ends with. It reports a failure by throwing.
 */
export async function runCommandLine(argv: readonly string[], context?: CommandContext): Promise<number> {
  return runProgram(await createProgram(context, argv[2]), argv);
}

/** As {@link runCommandLine}, for any program whose subcommands report as these do. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(argv);
    return exitCodes.success;
  } catch (error) {
    // Commander throws here for --help and --version too; it has printed what there was to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
    if (error instanceof ReportedFailure) return error.exitCode;
    if (error instanceof ProgramExit) return error.exitCode;
    printProblem(describeError(error));
    return exitCodes.failure;
  }
}

/** What went wrong; of a file that the system would not open, read or write, its name and why. */
function describeError(error: unknown): string {
  const reason = systemReason(error);
  if (reason !== undefined && error instanceof Error && "path" in error) return `${String(error.path)}: ${reason}`;
  return error instanceof Error ? error.message : String(error);
}

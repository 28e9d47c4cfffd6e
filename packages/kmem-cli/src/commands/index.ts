import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

/** Adds a subcommand to the program. */
type Register = (program: Command) => void;

/** A subcommand that works with allocators: the caller's, or all that are known. */
async function withContenders(
  register: (program: Command, context: CommandContext) => void,
  context: CommandContext | undefined,
): Promise<Register> {
  const used = context ?? { contenders: (await import("../contenders/known-contenders.ts")).knownContenders() };
  return (program) => register(program, used);
}

/** Every subcommand, in the order of the help; a module is loaded only where its subcommand is wanted. */
const COMMANDS: Readonly<Record<string, (context: CommandContext | undefined) => Promise<Register>>> = {
  replay: async (context) => withContenders((await import("./replay.ts")).registerReplay, context),
  compare: async (context) => withContenders((await import("./compare.ts")).registerCompare, context),
  run: async () => (await import("./run.ts")).registerRun,
  check: async () => (await import("./check.ts")).registerCheck,
  convert: async () => (await import("./convert.ts")).registerConvert,
  diff: async () => (await import("./diff.ts")).registerDiff,
  info: async () => (await import("./info.ts")).registerInfo,
  inspect: async () => (await import("./inspect.ts")).registerInspect,
  leaks: async () => (await import("./leaks.ts")).registerLeaks,
  proc: async () => (await import("./proc.ts")).registerProc,
  record: async () => (await import("./record.ts")).registerRecord,
  stat: async () => (await import("./stat.ts")).registerStat,
  top: async () => (await import("./top.ts")).registerTop,
  trace: async () => (await import("./trace.ts")).registerTrace,
};

/** What is answered without any subcommand. */
const VERSION_FLAGS: readonly string[] = ["-V", "--version"];

/** Adds the subcommand of that name; where there is none, as in a call for help, all of them. */
export async function registerCommands(program: Command, context?: CommandContext, name = ""): Promise<void> {
  if (VERSION_FLAGS.includes(name)) return;
  const wanted = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS);
  for (const register of await Promise.all(wanted.map((load) => load(context)))) register(program);
}

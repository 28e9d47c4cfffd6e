import type { Command } from "commander";
import { registerCheck } from "./check.ts";
import { registerCompare } from "./compare.ts";
import type { CommandContext } from "./context.ts";
import { registerConvert } from "./convert.ts";
import { registerDiff } from "./diff.ts";
import { registerInfo } from "./info.ts";
import { registerInspect } from "./inspect.ts";
import { registerLeaks } from "./leaks.ts";
import { registerProc } from "./proc.ts";
import { registerRecord } from "./record.ts";
import { registerReplay } from "./replay.ts";
import { registerRun } from "./run.ts";
import { registerStat } from "./stat.ts";
import { registerTop } from "./top.ts";
import { registerTrace } from "./trace.ts";

/** Adds every subcommand to the program: one file in this folder each, one line here. */
export function registerCommands(program: Command, context: CommandContext): void {
  registerReplay(program, context);
  registerCompare(program, context);
  registerRun(program);
  registerCheck(program);
  registerConvert(program);
  registerDiff(program);
  registerInfo(program);
  registerInspect(program);
  registerLeaks(program);
  registerProc(program);
  registerRecord(program);
  registerStat(program);
  registerTop(program);
  registerTrace(program);
}

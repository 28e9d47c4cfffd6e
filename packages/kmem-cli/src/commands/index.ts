import type { Command } from "commander";

/** Adds every subcommand to the program: one file in this folder each, one line here. */
export function registerCommands(_program: Command): void {}

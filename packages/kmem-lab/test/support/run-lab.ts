import { fileURLToPath } from "node:url";
import { captured, type RunResult, type RunSetting, runScript } from "../../../kmem-cli/test/commands/support.ts";
import type { LabContext } from "../../src/commands/context.ts";
import { runLab } from "../../src/program.ts";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** Runs `kmem-lab` in a process of its own. */
export function runCli(args: readonly string[], setting: RunSetting = {}): Promise<RunResult> {
  return runScript(CLI, args, setting);
}

/** Runs `kmem-lab` in this process, with contenders of the test's own. */
export function runInProcess(args: readonly string[], context: LabContext): Promise<RunResult> {
  return captured(() => runLab(["node", "kmem-lab", ...args], context));
}

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import type { CommandContext } from "../../src/commands/context.ts";
import { runCommandLine } from "../../src/commands/program.ts";

const CLI = fileURLToPath(new URL("../../src/commands/cli.ts", import.meta.url));

/** How a run of the command ended, and what it wrote. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a run of the command is set up. */
export interface RunSetting {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Is given the standard output so far each time that there is more of it; true ends the command by SIGINT. */
  readonly interruptAt?: (stdout: string) => boolean;
}

/** Runs `kmem` in a process of its own. */
export function runCli(args: readonly string[], setting: RunSetting = {}): Promise<RunResult> {
  return runScript(CLI, args, setting);
}

/** Runs any script of this workspace in a process of its own. */
export function runScript(script: string, args: readonly string[], setting: RunSetting = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...setting.env };
    const child = spawn(process.execPath, [script, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (setting.interruptAt?.(stdout) === true) child.kill("SIGINT");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    child.stdin.end(setting.stdin);
  });
}

/** Runs `kmem` in this process, with contenders of the test's own. */
export function runInProcess(args: readonly string[], context: CommandContext): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", ...args], context));
}

/** Runs something that resolves to an exit code in this process, and answers what it wrote. */
export async function captured(run: () => Promise<number>): Promise<RunResult> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => void stdout.push(`${text}\n`));
  vi.spyOn(console, "error").mockImplementation((text: string) => void stderr.push(`${text}\n`));
  vi.spyOn(process.stdout, "write").mockImplementation((text) => stdout.push(String(text)) > 0);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => stderr.push(String(text)) > 0);
  try {
    const exitCode = await run();
    return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") };
  } finally {
    vi.restoreAllMocks();
  }
}

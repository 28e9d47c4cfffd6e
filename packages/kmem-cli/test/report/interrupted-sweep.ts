import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { CompareReport } from "../../src/report/compare-report.ts";
import type { SweepReport } from "../../src/report/sweep-report.ts";

const CLI = fileURLToPath(new URL("../../src/commands/cli.ts", import.meta.url));
const POLL_MS = 10;

/** A sweep by the command: what is swept, and of which traces. */
export interface SweepOrder {
  readonly grid: string;
  readonly traces: readonly string[];
  /** Where the processes have their temporary files: those of a process that is killed stay behind. */
  readonly folder: string;
  readonly statePath?: string;
}

function start({ grid, traces, folder, statePath }: SweepOrder) {
  const state = statePath === undefined ? [] : ["--state", statePath];
  const settings = ["-a", "kmem", "--runs", "0", "--sweep", grid, ...state];
  return spawn(process.execPath, ["--no-warnings", CLI, "compare", "--json", ...settings, ...traces], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** The sweep of a command that runs to its end. */
export async function finishedSweep(order: SweepOrder): Promise<SweepReport> {
  const child = start(order);
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const { sweep } = JSON.parse(text) as CompareReport;
  if (exitCode !== 0 || sweep === undefined) throw new Error(`kmem compare ended with ${exitCode}, without a sweep`);
  return sweep;
}

/** Kills a command (SIGKILL) once so many points of its sweep are done; gives how many its file has then. */
export async function killedSweep(order: SweepOrder & { readonly statePath: string }, count: number): Promise<number> {
  const child = start(order);
  child.stdout.resume();
  const poll = setInterval(() => {
    if (donePoints(order.statePath) >= count) child.kill("SIGKILL");
  }, POLL_MS);
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => {
    child.on("close", (_exitCode, by) => resolve(by));
  });
  clearInterval(poll);
  if (signal !== "SIGKILL") throw new Error("the sweep ended before it was to be interrupted");
  return donePoints(order.statePath);
}

/** Whole lines of a state but for the first, which says of what it is. */
function donePoints(path: string): number {
  return existsSync(path) ? Math.max(0, readFileSync(path, "utf8").split("\n").length - 2) : 0;
}

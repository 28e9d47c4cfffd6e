import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ReadyContender } from "kmem-cli/internal/replay/contender";
import type { ProcessCommand } from "kmem-cli/internal/system/run-process";
import { compileMeasurer } from "./compile-measurer.ts";
import type { MeasureJob } from "./measure-jobs.ts";

/** So much young garbage that a chunk of timed operations never fills it: collecting it is no allocator's time. */
const ROOMY_YOUNG_SPACE = ["--min-semi-space-size=64", "--max-semi-space-size=64"];

const SCRIPT = fileURLToPath(new URL(`./measure-process${extname(import.meta.url)}`, import.meta.url));

/** The command by which a contender does one job and writes its result as JSON. */
export async function measureCommand(
  { module, env = {}, limitMs }: Pick<ReadyContender, "module" | "env" | "limitMs">,
  job: MeasureJob,
): Promise<ProcessCommand> {
  if (module === undefined) return { file: await compileMeasurer(), args: measurerArgs(job), env };
  const limitedJob = limitMs === undefined || job.mode !== "memory" ? job : { ...job, limitMs };
  const flags = job.mode === "latency" ? ROOMY_YOUNG_SPACE : [];
  return { file: process.execPath, args: [...flags, SCRIPT, module, JSON.stringify(limitedJob)], env };
}

function measurerArgs(job: MeasureJob): string[] {
  switch (job.mode) {
    case "memory":
      return ["memory", job.opsPath, job.closingPath];
    case "latency":
      return ["latency", job.opsPath, job.closingPath, String(job.warmupCount), String(job.passCount)];
    case "drift":
      return ["drift", String(job.opCount)];
  }
}

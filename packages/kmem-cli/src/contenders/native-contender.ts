import type { Absence, Contender, ReadyContender } from "../replay/contender.ts";
import type { Job } from "../replay/jobs.ts";
import { compileReplayer } from "./compile-replayer.ts";
import type { NativeMalloc } from "./native-malloc.ts";

/** A native malloc that takes part in replays, in processes of a C program. */
export function nativeContender({ name, find }: NativeMalloc): Contender {
  const kind = { name, isNative: true, canCheck: false } as const;
  const prepare = async (): Promise<ReadyContender | Absence> => {
    try {
      const program = await compileForAll();
      const found = await find(program);
      if (typeof found === "string") return { name, reason: found };
      const { version, env } = found;
      return { ...kind, version, env, command: (job) => ({ file: program, args: replayerArgs(job), env }) };
    } catch (error) {
      return { name, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  return { ...kind, prepare };
}

let compiling: Promise<string> | undefined;

/** One compiler for all of them, which are made ready at the same time. */
function compileForAll(): Promise<string> {
  compiling ??= compileReplayer();
  return compiling;
}

function replayerArgs(job: Job): string[] {
  switch (job.mode) {
    case "time": {
      const { warmupMs, timedCount } = job.passes;
      return ["time", job.opsPath, job.closingPath, String(warmupMs), String(timedCount)];
    }
    case "account":
      return ["account", job.opsPath, ...(job.sampleCount === undefined ? [] : [String(job.sampleCount)])];
    case "check":
    case "fit":
      throw new Error(`a native allocator has no job "${job.mode}"`);
  }
}

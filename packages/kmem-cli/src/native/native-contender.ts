import { realpathSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import type { Absence, Contender, ReadyContender } from "../replay/contender.ts";
import type { Job } from "../replay/jobs.ts";
import { runProcess } from "../system/run-process.ts";
import { compileReplayer } from "./compile-replayer.ts";
import { librariesNamed, listLibraries } from "./find-libraries.ts";

/** The C library's own malloc, where the C library is glibc. */
export function glibcContender(): Contender {
  return nativeContender("glibc", async () => {
    const header = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
    const version = header.glibcVersionRuntime;
    return version === undefined ? "the C library here is not glibc" : { version, env: {} };
  });
}

/**
 * A malloc that is a shared library, preloaded into the C program.
 *
 * @param libraryNames without `.so`; the first that is installed is taken.
 */
export function preloadedContender(name: string, libraryNames: readonly string[]): Contender {
  return nativeContender(name, async (program) => {
    const paths = listLibraries();
    for (const path of libraryNames.flatMap((libraryName) => librariesNamed(paths, libraryName))) {
      const env = { LD_PRELOAD: path };
      if (await isPreloaded(program, path)) return { version: basename(realpathSync(path)), env };
    }
    return `no ${libraryNames.join(" or ")} is installed`;
  });
}

interface NativeSetting {
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
}

function nativeContender(name: string, find: (program: string) => Promise<NativeSetting | string>): Contender {
  const kind = { name, isNative: true, canCheck: false } as const;
  const prepare = async (): Promise<ReadyContender | Absence> => {
    try {
      const program = await compileOnce();
      const found = await find(program);
      if (typeof found === "string") return { name, reason: found };
      const { version, env } = found;
      return { ...kind, version, command: (job) => ({ file: program, args: replayerArgs(job), env }) };
    } catch (error) {
      return { name, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  return { ...kind, prepare };
}

let compiling: Promise<string> | undefined;

function compileOnce(): Promise<string> {
  compiling ??= compileReplayer();
  return compiling;
}

/** A library for another kind of machine is passed over by the linker, with a warning and no more. */
async function isPreloaded(program: string, path: string): Promise<boolean> {
  try {
    const provider = await runProcess({ file: program, args: ["probe"], env: { LD_PRELOAD: path } });
    return realpathSync(provider.trim()) === realpathSync(path);
  } catch {
    return false;
  }
}

function replayerArgs(job: Job): string[] {
  switch (job.mode) {
    case "time": {
      const { warmupMs, timedCount } = job.passes;
      return ["time", job.opsPath, job.closingPath, String(warmupMs), String(timedCount)];
    }
    case "account":
      return ["account", job.opsPath];
    case "memory":
      return ["account", job.opsPath, job.closingPath];
    case "latency":
      return ["latency", job.opsPath, job.closingPath, String(job.warmupCount), String(job.passCount)];
    case "drift":
      return ["drift", String(job.opCount)];
    case "check":
      throw new Error("a native allocator cannot be checked");
  }
}

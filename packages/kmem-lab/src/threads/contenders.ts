import { createRequire } from "node:module";
import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { NATIVE_MALLOCS, type NativeMalloc } from "kmem-cli/internal/contenders/native-malloc";
import type { Absence } from "kmem-cli/internal/replay/contender";
import type { ProcessCommand } from "kmem-cli/internal/system/run-process";
import { compileThreads } from "./compile-threads.ts";
import type { ThreadJob } from "./jobs.ts";

/** An allocator that can take part in the bench of threads. */
export interface ThreadContender {
  readonly name: string;
  /** Makes everything ready for its processes, or says in a sentence why it cannot run on this machine. */
  prepare(): Promise<ReadyThreadContender | Absence>;
}

/** One of which processes can be started. */
export interface ReadyThreadContender {
  readonly name: string;
  /** What exactly it is: a version, or the file of a library. */
  readonly version: string;
  readonly isNative: boolean;
  /** The command that does one job and writes its result as JSON. */
  command(job: ThreadJob): ProcessCommand;
}

/** Until compilers and caches have settled: V8 takes its time, C needs no more than to have touched its memory. */
const JAVASCRIPT_WARMUP_MS = 400;
const NATIVE_WARMUP_MS = 20;

/** How long a contender works before it is timed. */
export function warmupMs({ isNative }: Pick<ReadyThreadContender, "isNative">): number {
  return isNative ? NATIVE_WARMUP_MS : JAVASCRIPT_WARMUP_MS;
}

export function isReady(prepared: ReadyThreadContender | Absence): prepared is ReadyThreadContender {
  return "command" in prepared;
}

/** A module of this folder, whether it runs from TypeScript or as it was built. */
function ownModule(name: string): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
}

/** A contender written in JavaScript: a module as `thread-heap.ts` says. */
export function heapThreadContender(name: string, module: URL, version: string): ThreadContender {
  const script = fileURLToPath(ownModule("thread-process"));
  const command = (job: ThreadJob): ProcessCommand => {
    return { file: process.execPath, args: [script, module.href, JSON.stringify(job)] };
  };
  return { name, prepare: async () => ({ name, version, isNative: false, command }) };
}

/** A native malloc, in processes of the C program of the threads. */
export function nativeThreadContender({ name, find }: NativeMalloc): ThreadContender {
  const prepare = async (): Promise<ReadyThreadContender | Absence> => {
    try {
      const program = await compileForAll();
      const found = await find(program);
      if (typeof found === "string") return { name, reason: found };
      const { version, env } = found;
      const command = (job: ThreadJob): ProcessCommand => ({ file: program, args: programArgs(job), env });
      return { name, version, isNative: true, command };
    } catch (error) {
      return { name, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  return { name, prepare };
}

function programArgs({ workload, laneCount, amount, warmupAmount, warmupMs }: ThreadJob): string[] {
  return ["run", workload, ...[laneCount, amount, warmupAmount, warmupMs].map(String)];
}

let compiling: Promise<string> | undefined;

/** One compiler for all of them, which are made ready at the same time. */
function compileForAll(): Promise<string> {
  compiling ??= compileThreads();
  return compiling;
}

/** Every allocator that `kmem-lab threads` knows, in the order of the table. */
export function knownThreadContenders(): readonly ThreadContender[] {
  const { version } = createRequire(import.meta.url)("kmem/package.json") as { version: string };
  return [heapThreadContender("kmem", ownModule("kmem-heap"), version), ...NATIVE_MALLOCS.map(nativeThreadContender)];
}

import { statSync } from "node:fs";
import process from "node:process";
import type { WASI } from "node:wasi";
import { systemReason } from "../system/input-problem.ts";

/** What a program sees of the system. */
export interface ProgramWorld {
  /** Its name and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Folders that it may open, by the names that it has for them. */
  readonly folders: Readonly<Record<string, string>>;
}

/** How a program has ended. */
export interface Ending {
  readonly exitCode: number;
  /** What ended it, where that was no exit of its own. */
  readonly trap: Error | undefined;
}

/** Frames of a program that are kept of each stack; the functions of this command stand above and below them. */
export const STACK_DEPTH = 48;
/** What WASI's runtimes answer for a program that traps: 128 and the number of SIGABRT. */
const TRAP_EXIT_CODE = 134;
/** What a command of WASI begins with. */
const START_FUNCTION = "_start";
/** Imports that are named in a message. */
const IMPORTS_SHOWN = 4;

/** Node says of its WASI, at each start, that it is an experiment: nobody who runs a program asked for that. */
async function withoutWarning<Result>(work: () => Promise<Result>): Promise<Result> {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]): void => {
    const [kind] = rest;
    const type = typeof kind === "object" && kind !== null ? (kind as { type?: string }).type : kind;
    if (type === "ExperimentalWarning" && String(warning).includes("WASI")) return;
    (emitWarning as (...args: unknown[]) => void).call(process, warning, ...rest);
  }) as typeof emitWarning;
  try {
    return await work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/**
 * Node's WASI for one run of one program: `start` answers with its exit code. Throws where a folder cannot be opened:
 * Node says of that that a value is out of range, and names no folder.
 */
export function openWasi({ args, env, folders }: ProgramWorld): Promise<WASI> {
  for (const folder of Object.values(folders)) requireFolder(folder);
  return withoutWarning(async () => {
    const { WASI } = await import("node:wasi");
    return new WASI({ version: "preview1", args: [...args], env, preopens: folders, returnOnExit: true });
  });
}

/** An error that names the folder and says why the program cannot have it. */
export class FolderError extends Error {
  override readonly name = "FolderError";
}

function requireFolder(path: string): void {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw new FolderError(`--dir ${path}: ${systemReason(error) ?? String(error)}`, { cause: error });
  }
  if (!isFolder) throw new FolderError(`--dir ${path}: it is no folder`);
}

/** Throws where a module is no command of WASI: what it imports is not there, or it has no beginning. */
export function requireImports(module: WebAssembly.Module, imports: WebAssembly.Imports): void {
  const absent = WebAssembly.Module.imports(module).filter(({ module: from, name }) => {
    const there = imports[from];
    return there === undefined || !Object.hasOwn(there, name);
  });
  if (absent.length > 0) {
    const shown = absent.slice(0, IMPORTS_SHOWN).map(({ module: from, name }) => `${from}.${name}`);
    const more = absent.length > shown.length ? ` and ${absent.length - shown.length} more` : "";
    throw new Error(`it is no WASI program: it imports ${shown.join(", ")}${more}, which WASI does not have`);
  }
  const hasStart = WebAssembly.Module.exports(module).some(({ name }) => name === START_FUNCTION);
  if (!hasStart) throw new Error(`it is no WASI program: it exports no ${START_FUNCTION}, with which one begins`);
}

/** Runs a program to its end, from its start function on if that has become the export `startName`. */
export function startWasi(
  wasi: { start(instance: object): number },
  exports: WebAssembly.Exports,
  startName?: string,
): Ending {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  try {
    if (startName !== undefined) (exports[startName] as () => void)();
    return { exitCode: wasi.start({ exports }), trap: undefined };
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
    return { exitCode: TRAP_EXIT_CODE, trap: error };
  } finally {
    Error.stackTraceLimit = limit;
  }
}

import process from "node:process";
import type { WASI } from "node:wasi";

/** What a program sees of the system. */
export interface ProgramWorld {
  /** Its name and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Folders that it may open, by the names that it has for them. */
  readonly folders: Readonly<Record<string, string>>;
}

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

/** Node's WASI for one run of one program: `start` answers with its exit code. */
export function openWasi({ args, env, folders }: ProgramWorld): Promise<WASI> {
  return withoutWarning(async () => {
    const { WASI } = await import("node:wasi");
    return new WASI({ version: "preview1", args: [...args], env, preopens: folders, returnOnExit: true });
  });
}

import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** What a shell adds to the number of a signal to make an exit code of it. */
const SIGNAL_EXIT_CODE_BASE = 128;

const actions = new Set<() => void>();

function runActions(): void {
  for (const action of actions) action();
}

function exitOnSignal(signal: NodeJS.Signals): void {
  process.exit(SIGNAL_EXIT_CODE_BASE + constants.signals[signal]);
}

function listen(): void {
  process.on("exit", runActions);
  for (const signal of SIGNALS) process.on(signal, exitOnSignal);
}

function stopListening(): void {
  process.off("exit", runActions);
  for (const signal of SIGNALS) process.off(signal, exitOnSignal);
}

/**
 * Has something done when the process ends before its time: by `process.exit`, by Ctrl-C, or by a request to end.
 * Answers a function that takes it back.
 */
export function onEarlyExit(action: () => void): () => void {
  if (actions.size === 0) listen();
  actions.add(action);
  return () => {
    if (actions.delete(action) && actions.size === 0) stopListening();
  };
}

/** Runs something with a folder of its own, which is gone afterwards, however that ends. */
export async function withTempFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "kmem-replay-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const forget = onEarlyExit(remove);
  try {
    return await use(folder);
  } finally {
    remove();
    forget();
  }
}

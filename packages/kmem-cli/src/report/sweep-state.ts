import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import type { SweepPoint } from "./sweep-report.ts";

const SCHEMA = "kmem-sweep-state";
const VERSION = 1;

/** What is wrong with the file of a sweep. */
export class SweepStateError extends Error {
  override readonly name = "SweepStateError";
}

/**
 * The points of a sweep that are done, in a file: its first line says which sweep it is of, and each point adds one.
 * Whoever interrupts it at whatever moment loses the points that were going on, and no other.
 */
export class SweepState {
  readonly #path: string | undefined;
  readonly #done = new Map<string, SweepPoint>();

  /**
   * @param path the file, made where there is none; undefined: nothing is kept.
   * @param key tells one sweep from another: its settings and what is in its traces.
   * Throws {@link SweepStateError} for a file of another sweep, and the file system's errors.
   */
  constructor(path: string | undefined, key: string) {
    this.#path = path;
    if (path === undefined) return;
    const lines = readLines(path);
    const head = JSON.stringify({ schema: SCHEMA, version: VERSION, key });
    if (lines.length === 0) {
      writeFileSync(path, `${head}\n`);
      return;
    }
    if (lines[0] !== head) {
      throw new SweepStateError(`${path}: it is no state of this sweep (other settings, traces or version of kmem)`);
    }
    for (const line of lines.slice(1)) this.#take(line);
    // What an interruption has left of a line goes, so that the next one begins where a line begins.
    writeFileSync(path, `${[head, ...Array.from(this.#done, (entry) => JSON.stringify(entry))].join("\n")}\n`);
  }

  get doneCount(): number {
    return this.#done.size;
  }

  find(id: string): SweepPoint | undefined {
    return this.#done.get(id);
  }

  add(id: string, point: SweepPoint): void {
    this.#done.set(id, point);
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify([id, point])}\n`);
  }

  #take(line: string): void {
    try {
      const [id, point] = JSON.parse(line) as [string, SweepPoint];
      if (typeof id === "string" && typeof point === "object" && point !== null) this.#done.set(id, point);
    } catch {
      // The line that was being written when the sweep was interrupted.
    }
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

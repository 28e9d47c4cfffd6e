import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { onEarlyExit } from "./cleanup.ts";

/** The path that stands for standard output. */
const STDOUT_PATH = "-";
const STDOUT_FD = 1;
const RETRY_MS = 5;

/**
 * A file that is written piece by piece beside its place, and gets its name when it is whole. `-` is standard output,
 * which is written to as it stands.
 */
export class UnfinishedFile {
  readonly #path: string;
  readonly #unfinished: string;
  readonly #fd: number;
  readonly #forgetExit: () => void;

  /** Throws the file system's errors. */
  constructor(path: string) {
    this.#path = path;
    this.#unfinished = join(dirname(path), `.${basename(path)}.${process.pid}.unfinished`);
    this.#fd = path === STDOUT_PATH ? STDOUT_FD : openSync(this.#unfinished, "w");
    this.#forgetExit = path === STDOUT_PATH ? () => {} : onEarlyExit(() => rmSync(this.#unfinished, { force: true }));
  }

  /** Appends bytes, which may be used again afterwards. */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      try {
        done += writeSync(this.#fd, bytes, done, bytes.length - done);
      } catch (error) {
        // A pipe that is full and does not block: its reader needs a moment.
        if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }

  /** Gives the file its name. */
  finish(): void {
    if (this.#path === STDOUT_PATH) return;
    closeSync(this.#fd);
    renameSync(this.#unfinished, this.#path);
    this.#forgetExit();
  }

  /** Takes the unfinished file away. */
  abandon(): void {
    if (this.#path === STDOUT_PATH) return;
    closeSync(this.#fd);
    rmSync(this.#unfinished, { force: true });
    this.#forgetExit();
  }
}

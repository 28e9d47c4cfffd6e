import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onEarlyExit } from "./cleanup.ts";

/** A file whose bytes can be read in any order, until it is closed. All methods throw the file system's errors. */
export class FileSource {
  readonly #fd: number;
  readonly sizeBytes: number;

  constructor(path: string) {
    this.#fd = openSync(path, "r");
    this.sizeBytes = fstatSync(this.#fd).size;
  }

  /** Reads from an offset on until `into` is full or the file ends; answers the number of bytes. */
  read(offset: number, into: Uint8Array): number {
    return readAt(this.#fd, offset, into);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** A temporary file that takes a stream's bytes, so that they can be read in any order. It is gone once it is closed. */
export class SpoolFile {
  readonly #folder: string;
  readonly #fd: number;
  readonly #forgetExit: () => void;
  sizeBytes = 0;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "kmem-spool-"));
    this.#forgetExit = onEarlyExit(() => this.#remove());
    this.#fd = openSync(join(this.#folder, "bytes"), "wx+");
  }

  /** Appends bytes, which may be used again afterwards. */
  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, bytes.length - done);
    this.sizeBytes += bytes.length;
  }

  /** Reads from an offset on until `into` is full or there is no more; answers the number of bytes. */
  read(offset: number, into: Uint8Array): number {
    return readAt(this.#fd, offset, into);
  }

  close(): void {
    closeSync(this.#fd);
    this.#remove();
    this.#forgetExit();
  }

  #remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function readAt(fd: number, offset: number, into: Uint8Array): number {
  let done = 0;
  while (done < into.length) {
    const count = readSync(fd, into, done, into.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

import type { Stats } from "node:fs";
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";

/** Bytes that are written at a time: the system takes no more than 2 GiB. */
const PIECE_BYTES = 2 ** 26;
const MODE_MASK = 0o777;

/** What is written: all of it, or pieces in their order. */
export type Pieces = Uint8Array | string | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Writes a file so that there is the old one or the whole new one, whatever happens meanwhile: into another beside it,
 * which then takes its name. What is no regular file (a pipe, a terminal) is written to as it stands. Throws the file
 * system's errors; then the old file is as it was.
 */
export async function writeWhole(path: string, pieces: Pieces): Promise<void> {
  const old = statusOf(path);
  if (old !== undefined && !old.isFile()) {
    await fill(openSync(path, constants.O_WRONLY | (constants.O_NONBLOCK ?? 0)), pieces);
    return;
  }
  // A link stays one, and leads to the new file.
  const target = old === undefined ? path : realpathSync(path);
  const unfinished = join(dirname(target), `.${basename(target)}.${process.pid}.unfinished`);
  rmSync(unfinished, { force: true });
  try {
    const fd = openSync(unfinished, "wx");
    await fill(fd, pieces, old);
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/** Whether two paths lead to one file. */
export function isSameFile(path: string, other: string): boolean {
  const [first, second] = [statusOf(path), statusOf(other)];
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

function statusOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

async function fill(fd: number, pieces: Pieces, old?: Stats): Promise<void> {
  try {
    if (old !== undefined) fchmodSync(fd, old.mode & MODE_MASK);
    if (typeof pieces === "string") writeAll(fd, new TextEncoder().encode(pieces));
    else if (pieces instanceof Uint8Array) writeAll(fd, pieces);
    else for await (const piece of pieces) writeAll(fd, piece);
    if (old?.isFile() !== false) syncFile(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, Math.min(PIECE_BYTES, bytes.length - at));
}

/** A pipe has no disk behind it. */
function syncFile(fd: number): void {
  try {
    fsyncSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  }
}

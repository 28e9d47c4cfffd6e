import { closeSync, constants, createReadStream, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { isatty, ReadStream } from "node:tty";

/** The path that stands for standard input. */
export const STDIN_PATH = "-";

/** A file that is open for reading, from its beginning, once. */
export interface Input {
  readonly stream: Readable;
  /** Bytes of a regular file; undefined for a pipe or a device, whose length means nothing. */
  readonly fileBytes: number | undefined;
}

/** A file that can be opened and holds nothing to read. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** As little as any other way of reading takes at a time. */
const DEFAULT_READ_BYTES = 131_072;

/**
 * Opens a file, a pipe or a device for reading. Nothing blocks, neither the opening nor the waiting for a writer, so
 * that signals are heard: what blocks in a thread of the pool keeps the process from ending. Throws the file system's
 * errors, and {@link InputError} for a directory.
 */
export function openInput(path: string, readBytes: number = DEFAULT_READ_BYTES): Input {
  // Windows knows no such flag.
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const status = fstatSync(fd);
  if (status.isDirectory()) {
    closeSync(fd);
    throw new InputError("it is a directory");
  }
  if (status.isFIFO()) return { stream: new Socket({ fd, readable: true, writable: false }), fileBytes: undefined };
  if (isatty(fd)) return { stream: new ReadStream(fd), fileBytes: undefined };
  const stream = createReadStream(path, { fd, highWaterMark: readBytes });
  return { stream, fileBytes: status.isFile() ? status.size : undefined };
}

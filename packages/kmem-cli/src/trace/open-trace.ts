import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import process from "node:process";
import type { Readable } from "node:stream";
import { decompress, type StreamDamage } from "./decompress.ts";
import { asciiBytes, startsWith } from "./line-scan.ts";
import { MALLOC_TRACE_MAGIC } from "./malloc-trace.ts";
import { TraceFormatError } from "./trace-error.ts";

/** How a trace file is packed. */
export type TraceCompression = "none" | "gzip" | "zstd";

/** What is in a trace file once it is unpacked. */
export type TraceFormat = "malloc" | "kernel";

/** The path that stands for standard input. */
export const STDIN_PATH = "-";

/** A trace that is open for reading, from its beginning, once. */
export interface OpenedTrace {
  readonly format: TraceFormat;
  readonly compression: TraceCompression;
  /** Bytes of the file as it lies on disk; undefined for standard input. */
  readonly fileBytes: number | undefined;
  /** Bytes read from the file so far. */
  readBytes(): number;
  /** The unpacked trace. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Once all chunks are read: what is wrong with the packing, if anything is; the rest of the trace is missing. */
  damage(): string | undefined;
}

/** Where the bytes of a trace come from; only tests need to say. */
export interface OpenTraceOptions {
  /** What `-` reads. */
  readonly stdin?: Readable;
  /** Bytes that are read from the file at a time. */
  readonly readBytes?: number;
}

const DEFAULT_READ_BYTES = 131_072;

const GZIP_MAGIC = Uint8Array.of(0x1f, 0x8b);
const ZSTD_MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** Zstandard's skippable frames differ in the low half of the first byte; pzstd begins its files with one. */
const ZSTD_SKIPPABLE_TAIL = Uint8Array.of(0x2a, 0x4d, 0x18);
const ZSTD_SKIPPABLE_FIRST = 0x50;
const HIGH_HALF = 0xf0;

/** Files that are brought along by mistake, and what to do about it. */
const FOREIGN_FORMATS: readonly (readonly [Uint8Array, string])[] = [
  [asciiBytes("PERFILE2"), "it is a perf.data file; give the output of `perf script` instead"],
  [asciiBytes("\x17\x08Dtracing"), "it is a trace.dat file; give the output of `trace-cmd report` instead"],
  [asciiBytes("\xfd7zXZ"), "it is packed with xz; unpack it first (`xz -dc FILE | kmem replay -`)"],
  [asciiBytes("BZh"), "it is packed with bzip2; unpack it first (`bzip2 -dc FILE | kmem replay -`)"],
  [asciiBytes("PK\x03\x04"), "it is a zip archive; unpack it first"],
];

/** As many first bytes as tell what a file is. */
const SNIFF_BYTES = 512;
const MAGIC_BYTES = 4;

/**
 * Opens a trace, packed or not, and finds out by its first bytes what it is.
 *
 * @param path a file, or `-` for standard input.
 * @throws TraceFormatError when it is nothing that can be read; the file system's own errors as they are.
 */
export async function openTrace(path: string, options: OpenTraceOptions = {}): Promise<OpenedTrace> {
  const fileBytes = path === STDIN_PATH ? undefined : await regularFileBytes(path);
  const raw = openRaw(path, options);
  let readBytes = 0;
  const counted = countBytes(raw, (count) => {
    readBytes += count;
  });
  const packed = await peek(counted, SNIFF_BYTES);
  const compression = sniffCompression(packed.head);
  const damage: StreamDamage = { message: undefined };
  const unpacked = compression === "none" ? packed.all : decompress(packed.all, compression, damage);
  try {
    const content = await peek(unpacked, SNIFF_BYTES);
    const format = sniffFormat(content.head, damage.message);
    return {
      format,
      compression,
      fileBytes,
      readBytes: () => readBytes,
      chunks: content.all,
      damage: () => damage.message,
    };
  } catch (error) {
    raw.destroy();
    throw error instanceof TraceFormatError ? new TraceFormatError(`${path}: ${error.message}`) : error;
  }
}

async function regularFileBytes(path: string): Promise<number | undefined> {
  const status = await stat(path);
  if (status.isDirectory()) throw new TraceFormatError(`${path}: it is a directory`);
  // A pipe or a device has no length that means anything.
  return status.isFile() ? status.size : undefined;
}

function openRaw(path: string, options: OpenTraceOptions): Readable {
  if (path === STDIN_PATH) return options.stdin ?? process.stdin;
  return createReadStream(path, { highWaterMark: options.readBytes ?? DEFAULT_READ_BYTES });
}

async function* countBytes(source: AsyncIterable<Buffer>, add: (count: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    add(chunk.length);
    yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
  }
}

interface Peeked {
  /** The first bytes: as many as were asked for, or fewer when there are no more. */
  readonly head: Uint8Array;
  /** All chunks, those that were peeked at included. */
  readonly all: AsyncIterable<Uint8Array>;
}

async function peek(source: AsyncIterable<Uint8Array>, wantedBytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let heldBytes = 0;
  while (heldBytes < wantedBytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    heldBytes += next.value.length;
  }
  const head = new Uint8Array(heldBytes);
  let at = 0;
  for (const chunk of chunks) {
    head.set(chunk, at);
    at += chunk.length;
  }
  return { head: head.subarray(0, wantedBytes), all: chain(chunks, iterator) };
}

async function* chain(first: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first;
    for (;;) {
      const next = await rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // A reader that stops early closes the file all the way down.
    await rest.return?.();
  }
}

function sniffCompression(head: Uint8Array): TraceCompression {
  if (startsWith(head, 0, head.length, GZIP_MAGIC)) return "gzip";
  if (startsWith(head, 0, head.length, ZSTD_MAGIC)) return "zstd";
  const isSkippable = head.length >= MAGIC_BYTES && (head[0]! & HIGH_HALF) === ZSTD_SKIPPABLE_FIRST;
  return isSkippable && startsWith(head, 1, head.length, ZSTD_SKIPPABLE_TAIL) ? "zstd" : "none";
}

function sniffFormat(head: Uint8Array, damage: string | undefined): TraceFormat {
  if (head.length === 0) {
    throw new TraceFormatError(damage === undefined ? "it is empty" : `it cannot be unpacked: ${damage}`);
  }
  if (head.length >= MAGIC_BYTES && new DataView(head.buffer).getUint32(0, true) === MALLOC_TRACE_MAGIC)
    return "malloc";
  for (const [magic, advice] of FOREIGN_FORMATS) {
    if (startsWith(head, 0, head.length, magic)) throw new TraceFormatError(advice);
  }
  if (head.includes(0)) throw new TraceFormatError("it is neither a malloc trace nor the text of a kernel trace");
  return "kernel";
}

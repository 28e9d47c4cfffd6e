import process from "node:process";
import type { Readable } from "node:stream";
import { InputError, openInput } from "../system/open-input.ts";
import { decompress, type StreamDamage } from "./decompress.ts";
import { asciiBytes, startsWith } from "./line-scan.ts";
import { MALLOC_TRACE_MAGIC } from "./malloc-trace.ts";
import { type Compression, countBytes, MAGIC_BYTES, peek, sniffCompression } from "./packed-stream.ts";
import { sniffEncoding, type TextEncoding } from "./text-encoding.ts";
import { TraceFormatError } from "./trace-error.ts";

/** How a trace file is packed. */
export type TraceCompression = Compression;

/** What is in a trace file once it is unpacked. */
export type TraceFormat = "malloc" | "kernel";

/** The path that stands for standard input. */
export const STDIN_PATH = "-";

/** A trace that is open for reading, from its beginning, once. */
export interface OpenedTrace {
  readonly format: TraceFormat;
  readonly compression: TraceCompression;
  /** How the characters of a text are written. */
  readonly encoding: TextEncoding;
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

/** No trace has been seen that packs to less than a hundredth; what unpacks to much more is made to fill a machine. */
const PACKED_RATIO_MAX = 4096;
/** Up to here nobody asks. */
const UNPACKED_FREE_BYTES = 2 ** 28;

/**
 * Opens a trace, packed or not, and finds out by its first bytes what it is.
 *
 * @param path a file, or `-` for standard input.
 * @throws TraceFormatError when it is nothing that can be read; the file system's own errors as they are.
 */
export async function openTrace(path: string, options: OpenTraceOptions = {}): Promise<OpenedTrace> {
  const { stream: raw, fileBytes } = openRaw(path, options);
  let readBytes = 0;
  const counted = countBytes(raw, (count) => {
    readBytes += count;
  });
  try {
    const packed = await peek(counted, SNIFF_BYTES);
    const compression = sniffCompression(packed.head);
    const damage: StreamDamage = { message: undefined };
    const unpacked = compression === "none" ? packed.all : decompress(packed.all, compression, damage);
    const content = await peek(compression === "none" ? unpacked : bounded(unpacked, () => readBytes), SNIFF_BYTES);
    const encoding = sniffEncoding(content.head);
    const format = sniffFormat(content.head, encoding, damage.message);
    return {
      format,
      compression,
      encoding,
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

function openRaw(path: string, options: OpenTraceOptions): { stream: Readable; fileBytes: number | undefined } {
  if (path === STDIN_PATH) return { stream: options.stdin ?? process.stdin, fileBytes: undefined };
  try {
    return openInput(path, options.readBytes);
  } catch (error) {
    throw error instanceof InputError ? new TraceFormatError(`${path}: ${error.message}`) : error;
  }
}

/** Passes chunks on for as long as they come to no more than a trace can be packed into. */
async function* bounded(chunks: AsyncIterable<Uint8Array>, readBytes: () => number): AsyncGenerator<Uint8Array> {
  let unpackedBytes = 0;
  for await (const chunk of chunks) {
    unpackedBytes += chunk.length;
    if (unpackedBytes > UNPACKED_FREE_BYTES && unpackedBytes > readBytes() * PACKED_RATIO_MAX) {
      throw new TraceFormatError(`it unpacks to more than ${PACKED_RATIO_MAX} times its size, which no trace does`);
    }
    yield chunk;
  }
}

function sniffFormat(head: Uint8Array, encoding: TextEncoding, damage: string | undefined): TraceFormat {
  if (head.length === 0) {
    throw new TraceFormatError(damage === undefined ? "it is empty" : `it cannot be unpacked: ${damage}`);
  }
  if (head.length >= MAGIC_BYTES && new DataView(head.buffer).getUint32(0, true) === MALLOC_TRACE_MAGIC)
    return "malloc";
  for (const [magic, advice] of FOREIGN_FORMATS) {
    if (startsWith(head, 0, head.length, magic)) throw new TraceFormatError(advice);
  }
  if (encoding === "bytes" && head.includes(0))
    throw new TraceFormatError("it is neither a malloc trace nor the text of a kernel trace");
  return "kernel";
}

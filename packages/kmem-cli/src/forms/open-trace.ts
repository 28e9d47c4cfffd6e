import process from "node:process";
import type { Readable } from "node:stream";
import { InputError, openInput, STDIN_PATH } from "../system/open-input.ts";
import { decompress, type StreamDamage } from "../trace/decompress.ts";
import { type Compression, countBytes, peek, sniffCompression } from "../trace/packed-stream.ts";
import { sniffEncoding, type TextEncoding } from "../trace/text-encoding.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { shownForm } from "./detect-form.ts";
import { KERNEL_FORM, type TraceForm } from "./known-forms.ts";

/** A trace that is open for reading, from its beginning, once. */
export interface OpenedTrace {
  readonly form: TraceForm;
  /** Whether its first bytes show that form: a text that shows none is taken for the kernel's. */
  readonly isFormShown: boolean;
  readonly compression: Compression;
  /** How the characters of a text are written. */
  readonly encoding: TextEncoding;
  /** Bytes of the file as it lies on disk; undefined for standard input. */
  readonly fileBytes: number | undefined;
  /** Bytes read from the file so far. */
  readBytes(): number;
  /** The unpacked trace. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Whether the path is that of a regular file whose bytes are the trace's, so that they can be read in any order. */
  readonly isPlainFile: boolean;
  /** Ends the reading, for who does not read all chunks. */
  close(): void;
  /** Once all chunks are read: what is wrong with the packing, if anything is; the rest of the trace is missing. */
  damage(): string | undefined;
}

/** Where the bytes of a trace come from; only tests need to say. */
export interface OpenTraceOptions {
  /** What the trace is taken for, whatever it looks like. */
  readonly form?: TraceForm;
  /** What `-` reads. */
  readonly stdin?: Readable;
  /** Bytes that are read from the file at a time. */
  readonly readBytes?: number;
}

/** As many first bytes as tell what a file is. */
const SNIFF_BYTES = 512;
/** As many unpacked bytes as are looked at for the form. */
const FORM_BYTES = 16_384;

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
    const content = await peek(compression === "none" ? unpacked : bounded(unpacked, () => readBytes), FORM_BYTES);
    if (content.head.length === 0) {
      throw new TraceFormatError(
        damage.message === undefined ? "it is empty" : `it cannot be unpacked: ${damage.message}`,
      );
    }
    const encoding = sniffEncoding(content.head.subarray(0, SNIFF_BYTES));
    const shown = options.form ?? shownForm(content.head, encoding);
    return {
      form: shown ?? KERNEL_FORM,
      isFormShown: shown !== undefined,
      compression,
      encoding,
      fileBytes,
      readBytes: () => readBytes,
      chunks: content.all,
      isPlainFile: compression === "none" && fileBytes !== undefined,
      close: () => raw.destroy(),
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

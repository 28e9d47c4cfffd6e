import { statSync } from "node:fs";
import { createGzip, createZstdCompress } from "node:zlib";
import { dumpByteLength, type Heap, hasCode, KmemError } from "kmem";
import { openHeap } from "kmem/debug";
import { DUMP_HEAD_BYTES, startsAsDump } from "../forms/dump-head.ts";
import { openTrace } from "../forms/open-trace.ts";
import { systemReason } from "../system/input-problem.ts";
import { openInput, STDIN_PATH } from "../system/open-input.ts";
import type { Pieces } from "../system/write-whole.ts";
import { decompress, type StreamDamage } from "../trace/decompress.ts";
import { countBytes, MAGIC_BYTES, peek, sniffCompression } from "../trace/packed-stream.ts";

/** Bytes that are read at a time: dumps may have gigabytes. */
const READ_BYTES = 2 ** 22;
/** Bytes that are packed at a time. */
const PIECE_BYTES = 2 ** 20;

/**
 * Opens the heap of a dump, that is of what `dumpHeap()` returned, plain or packed with gzip or zstd. Throws an error
 * that names the file where that cannot be.
 */
export function readDump(path: string): Promise<Heap> {
  return readDumpWith(path, openHeap);
}

/** Whether a file begins as a dump does, plain or packed. Throws the file system's errors. */
export async function isDump(path: string): Promise<boolean> {
  // What is no regular file can be read once only.
  if (path === STDIN_PATH || !statSync(path).isFile()) return false;
  const { stream } = openInput(path);
  try {
    const packed = await peek(countBytes(stream), MAGIC_BYTES);
    const compression = sniffCompression(packed.head);
    const unpacked = compression === "none" ? packed.all : decompress(packed.all, compression, { message: undefined });
    return startsAsDump((await peek(unpacked, DUMP_HEAD_BYTES)).head);
  } finally {
    stream.destroy();
  }
}

/** Reads a dump with a function of the library; as {@link readDump} otherwise. */
export async function readDumpWith<Result>(path: string, read: (dump: Uint8Array) => Result): Promise<Result> {
  try {
    return read(await readBytes(path));
  } catch (error) {
    const kind = hasCode(error, "NOT_A_HEAP") ? await otherKindOf(path) : undefined;
    throw new Error(`${path}: ${kind ?? reasonOf(error)}`, { cause: error });
  }
}

/** What a file is that is no dump, and which commands are for it; undefined where nothing tells. */
async function otherKindOf(path: string): Promise<string | undefined> {
  // What is no regular file can be read once only.
  if (path === STDIN_PATH || !statSync(path).isFile()) return undefined;
  try {
    const { form, isFormShown, close } = await openTrace(path);
    close();
    if (!isFormShown) return undefined;
    return `it is no dump of a heap but ${form.name}: kmem stat, top, replay and convert read it`;
  } catch {
    return undefined;
  }
}

/** The bytes of a file that is packed as its name ends, in pieces. */
export function pack(path: string, bytes: Uint8Array): Pieces {
  const packer = path.endsWith(".gz") ? createGzip() : path.endsWith(".zst") ? createZstdCompress() : undefined;
  if (packer === undefined) return bytes;
  void feed(packer, bytes);
  return packer;
}

async function feed(packer: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (packer.write(bytes.subarray(at, at + PIECE_BYTES))) continue;
    await new Promise((resolve) => packer.once("drain", resolve));
  }
  packer.end();
}

/**
 * The bytes of a dump, read in pieces and unpacked. Its first bytes say how many there are to be: what is no dump, or
 * goes on for longer than it says, is refused as soon as that shows.
 */
async function readBytes(path: string): Promise<Uint8Array> {
  const { stream, fileBytes } = openInput(path, READ_BYTES);
  try {
    const packed = await peek(countBytes(stream), MAGIC_BYTES);
    const compression = sniffCompression(packed.head);
    const damage: StreamDamage = { message: undefined };
    const isPacked = compression !== "none";
    const dump = new GrowingDump(isPacked ? undefined : fileBytes);
    for await (const chunk of isPacked ? decompress(packed.all, compression, damage) : packed.all) dump.add(chunk);
    if (damage.message !== undefined) throw new KmemError("TRUNCATED", `it cannot be unpacked: ${damage.message}`);
    const whole = dump.whole();
    if (whole.length === 0) throw new KmemError("TRUNCATED", "it is empty");
    return whole;
  } finally {
    stream.destroy();
  }
}

/** A dump that comes in pieces, no more of it than its first bytes say. */
export class GrowingDump {
  readonly #fileBytes: number | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #filled = 0;
  #isSized = false;

  /** For a dump in a file of so many bytes, where that is known. */
  constructor(fileBytes: number | undefined) {
    this.#fileBytes = fileBytes;
  }

  add(chunk: Uint8Array): void {
    if (!this.#isSized) this.#begin(chunk);
    else if (this.#filled + chunk.length > this.#bytes.length) throw trailing(this.#bytes.length);
    else {
      this.#bytes.set(chunk, this.#filled);
      this.#filled += chunk.length;
    }
  }

  /** What has come: no dump at all where there was too little to say how long it is. */
  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled);
  }

  #begin(chunk: Uint8Array): void {
    const first = new Uint8Array(this.#filled + chunk.length);
    first.set(this.#bytes);
    first.set(chunk, this.#filled);
    this.#bytes = first;
    this.#filled = first.length;
    const byteLength = dumpByteLength(first);
    if (byteLength === undefined) return;
    if (this.#fileBytes !== undefined && this.#fileBytes !== byteLength) throw misfit(this.#fileBytes);
    if (first.length > byteLength) throw trailing(byteLength);
    this.#bytes = allocate(byteLength);
    this.#bytes.set(first);
    this.#isSized = true;
  }
}

/** As `loadDump` says it. */
function misfit(fileBytes: number): KmemError {
  const text = `the dump is cut off or has trailing bytes: ${fileBytes} bytes do not fit its header`;
  return new KmemError("TRUNCATED", text);
}

function trailing(byteLength: number): KmemError {
  return new KmemError("TRUNCATED", `the dump has trailing bytes: it says that there are ${byteLength}`);
}

function allocate(byteLength: number): Uint8Array {
  try {
    return new Uint8Array(byteLength);
  } catch (error) {
    throw new Error(`there is no memory for its ${byteLength} bytes`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  return systemReason(error) ?? (error instanceof Error ? error.message : String(error));
}

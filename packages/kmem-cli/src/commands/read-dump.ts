import { readFileSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Heap } from "kmem";
import { loadHeap } from "kmem/debug";

const GZIP_MAGIC = [0x1f, 0x8b];
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/**
 * Opens the heap of a dump, that is of what `heap.dump()` returned, plain or packed with gzip or zstd. Throws an error
 * that names the file where that cannot be.
 */
export function readDump(path: string): Heap {
  return readDumpWith(path, loadHeap);
}

/** Reads a dump with a function of the library; as {@link readDump} otherwise. */
export function readDumpWith<Result>(path: string, read: (dump: Uint8Array) => Result): Result {
  try {
    return read(unpack(readFileSync(path)));
  } catch (error) {
    throw new Error(`${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The bytes of a file that is packed as its name ends. */
export function pack(path: string, bytes: Uint8Array): Uint8Array {
  if (path.endsWith(".gz")) return gzipSync(bytes);
  return path.endsWith(".zst") ? zstdCompressSync(bytes) : bytes;
}

function unpack(bytes: Uint8Array): Uint8Array {
  const startsWith = (magic: readonly number[]): boolean => magic.every((byte, index) => bytes[index] === byte);
  if (startsWith(GZIP_MAGIC)) return gunzipSync(bytes);
  return startsWith(ZSTD_MAGIC) ? zstdDecompressSync(bytes) : bytes;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isOfSystem = "syscall" in error && "errno" in error && typeof error.errno === "number";
  return isOfSystem ? getSystemErrorMessage(error.errno as number) : error.message;
}

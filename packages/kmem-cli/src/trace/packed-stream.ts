import { startsWith } from "./line-scan.ts";

/** How a file is packed. */
export type Compression = "none" | "gzip" | "zstd";

const GZIP_MAGIC = Uint8Array.of(0x1f, 0x8b);
const ZSTD_MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** Zstandard's skippable frames differ in the low half of the first byte; pzstd begins its files with one. */
const ZSTD_SKIPPABLE_TAIL = Uint8Array.of(0x2a, 0x4d, 0x18);
const ZSTD_SKIPPABLE_FIRST = 0x50;
const HIGH_HALF = 0xf0;

/** As many first bytes as tell how a file is packed. */
export const MAGIC_BYTES = 4;

/** How a file is packed, by its first bytes. */
export function sniffCompression(head: Uint8Array): Compression {
  if (startsWith(head, 0, head.length, GZIP_MAGIC)) return "gzip";
  if (startsWith(head, 0, head.length, ZSTD_MAGIC)) return "zstd";
  const isSkippable = head.length >= MAGIC_BYTES && (head[0]! & HIGH_HALF) === ZSTD_SKIPPABLE_FIRST;
  return isSkippable && startsWith(head, 1, head.length, ZSTD_SKIPPABLE_TAIL) ? "zstd" : "none";
}

/** The chunks of a stream as plain bytes; `add` is told the length of each. */
export async function* countBytes(
  source: AsyncIterable<Buffer>,
  add: (count: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    add(chunk.length);
    yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
  }
}

/** A stream whose first bytes have been looked at. */
export interface Peeked {
  /** The first bytes: as many as were asked for, or fewer when there are no more. */
  readonly head: Uint8Array;
  /** All chunks, those that were peeked at included. */
  readonly all: AsyncIterable<Uint8Array>;
}

/** Looks at the first bytes of a stream. */
export async function peek(source: AsyncIterable<Uint8Array>, wantedBytes: number): Promise<Peeked> {
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

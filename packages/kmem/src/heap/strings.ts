import { requireText, requireWhole } from "../memory/arguments.ts";
import { readUtf8, utf8Bytes, writeUtf8 } from "../memory/utf8.ts";
import { accessTo } from "./access.ts";
import type { BaseHeap } from "./base-heap.ts";

/**
 * Allocates a block that holds a text as UTF-8 with a byte of 0 after it, as C has them, and returns its address; give
 * it to `heap.free`. Lone surrogates become U+FFFD. Works on shared memory and in audio worklets, where TextEncoder
 * does not. A U+0000 in the text is a byte of 0 as well, at which {@link readString} without a length ends. Throws
 * BAD_ARGUMENT for what is no text, and as `heap.alloc`. O(text).
 */
export function allocString(heap: BaseHeap, text: string): number {
  accessTo(heap);
  requireText("text", text);
  const byteLength = utf8Bytes(text);
  const address = heap.alloc(byteLength + 1);
  const bytes = heap.u8(address, byteLength + 1);
  bytes[writeUtf8(bytes, 0, text)] = 0;
  return address;
}

/**
 * Reads the UTF-8 text of `byteLength` bytes at an address in a live block; without a length, of a whole block up to
 * its first byte of 0, or its end. Bytes that are no UTF-8 become U+FFFD. Another thread may write meanwhile: each byte
 * is read once. Throws INVALID_ADDRESS unless a live block holds all of it. O(bytes).
 */
export function readString(heap: BaseHeap, address: number, byteLength?: number): string {
  accessTo(heap);
  if (byteLength !== undefined) requireWhole("byteLength", byteLength, 0, Number.MAX_SAFE_INTEGER);
  const bytes = heap.u8(address, byteLength ?? heap.usableSize(address));
  const zero = byteLength === undefined ? bytes.indexOf(0) : -1;
  return readUtf8(bytes, 0, zero === -1 ? bytes.length : zero);
}

import { PAGE_BYTES } from "kmem-cli/internal/trace/op-stream";

/** A heap whose blocks can be written to. */
export interface TouchableHeap {
  readonly buffer?: ArrayBufferLike;
  /** Of a heap with no buffer: writes a byte to every page of a block. */
  touch?(address: number, sizeBytes: number): void;
}

/**
 * Answers a function that writes a byte to every page of a block, as `touch` in `native/replay.c` does: a page that
 * nobody has written to takes no memory. It does nothing for a heap that offers neither a buffer nor a function.
 */
export function pageToucher(heap: TouchableHeap): (address: number, sizeBytes: number) => void {
  if (heap.touch !== undefined) return (address, sizeBytes) => heap.touch!(address, sizeBytes);
  if (heap.buffer === undefined) return () => {};
  let buffer = heap.buffer;
  let bytes = new Uint8Array(buffer);
  return (address, sizeBytes) => {
    if (address === 0 || sizeBytes === 0) return;
    if (heap.buffer !== buffer) {
      buffer = heap.buffer!;
      bytes = new Uint8Array(buffer);
    }
    const last = address + sizeBytes - 1;
    for (let at = address; at < last; at += PAGE_BYTES) bytes[at] = 1;
    bytes[last] = 1;
  };
}

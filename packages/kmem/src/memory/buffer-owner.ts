/**
 * The WebAssembly memories whose buffers the library has made, by the buffer: through them instructions of WebAssembly
 * reach it. Only the thread that has made a buffer knows.
 */
const owners = new WeakMap<ArrayBufferLike, WebAssembly.Memory>();

/** The buffer of a memory that never grows; the memory is found by it from now on. */
export function ownedBuffer(memory: WebAssembly.Memory): ArrayBufferLike {
  const { buffer } = memory;
  owners.set(buffer, memory);
  return buffer;
}

/** The memory that a buffer is of, where the library has made it in this thread. */
export function wasmMemoryOf(buffer: ArrayBufferLike): WebAssembly.Memory | undefined {
  return owners.get(buffer);
}

import type { MemorySource } from "../../../src/memory/memory.ts";
import type { Allocator } from "../allocator.ts";

/** The buffer of a memory as it is now. */
export function bufferOf(source: MemorySource): ArrayBufferLike {
  return source instanceof WebAssembly.Memory ? source.buffer : source;
}

/** What is in blocks whose addresses are the bytes of a buffer, or lie by so much beside them. */
export function flatMemory(buffer: () => ArrayBufferLike, offsetBytes = 0): Pick<Allocator, "read" | "write"> {
  return {
    read: (address, lengthBytes) => new Uint8Array(buffer(), address - offsetBytes, lengthBytes),
    write: (address, bytes) => new Uint8Array(buffer()).set(bytes, address - offsetBytes),
  };
}

/** What a kernel prints, as errors: its functions tell by it what they refuse. */
export class Refusals {
  readonly #messages: string[] = [];
  /** For the kernel's console. */
  readonly console: { print(message: string): void } = { print: (message) => void this.#messages.push(message) };

  /** Throws what a call has printed, if it has printed anything. */
  refuse<Result>(call: () => Result): Result {
    this.#messages.length = 0;
    const result = call();
    if (this.#messages.length > 0) throw new Error(this.#messages.join("\n"));
    return result;
  }
}

/** The error of an allocator that says by 0 that there is no memory. */
export function orOutOfMemory(address: number): number {
  if (address === 0) throw Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY" });
  return address;
}

/** The smallest power of two that holds so many bytes, at the least `leastBytes`. */
export function powerOfTwo(sizeBytes: number, leastBytes: number): number {
  return Math.max(leastBytes, 2 ** Math.ceil(Math.log2(Math.max(1, sizeBytes))));
}

/** Bytes that can be read in any order. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Reads from an offset on until `into` is full or there is no more; answers the number of bytes. */
  read(offset: number, into: Uint8Array): number;
}

/** Bytes in memory. */
export class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.#bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
}

/** Bytes of a file that are read where they are wanted, without a wait: in a worker, or in Node. */
export interface ByteSource {
  readonly byteLength: number;
  /** The bytes from `offset` on; the range lies within the source. */
  read(offset: number, length: number): Uint8Array;
}

/** A file that is in memory. */
export class BytesSource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }
}

/** Reads a blob at once, which browsers allow in workers only. */
interface SyncReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** A file that was chosen or dropped: the browser reads parts of it from the disk. Workers only. */
export class BlobSource implements ByteSource {
  readonly #blob: Blob;
  readonly #reader: SyncReader;

  constructor(blob: Blob) {
    this.#blob = blob;
    const { FileReaderSync: Reader } = globalThis as unknown as { FileReaderSync: new () => SyncReader };
    this.#reader = new Reader();
  }

  get byteLength(): number {
    return this.#blob.size;
  }

  read(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#reader.readAsArrayBuffer(this.#blob.slice(offset, offset + length)));
  }
}

const HTTP_OK = 200;
const HTTP_PARTIAL = 206;

/** A file that a server has which answers requests for ranges. Workers only: a page may not wait for an answer. */
export class RangeSource implements ByteSource {
  readonly byteLength: number;
  readonly #url: string;

  constructor(url: string, byteLength: number) {
    this.#url = url;
    this.byteLength = byteLength;
  }

  read(offset: number, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const request = new XMLHttpRequest();
    request.open("GET", this.#url, false);
    request.responseType = "arraybuffer";
    request.setRequestHeader("range", `bytes=${offset}-${offset + length - 1}`);
    request.send();
    if (request.status !== HTTP_PARTIAL && request.status !== HTTP_OK) {
      throw new Error(`the server answers ${request.status} ${request.statusText} to a request for a part of the file`);
    }
    const bytes = new Uint8Array(request.response as ArrayBuffer);
    const part = request.status === HTTP_PARTIAL ? bytes : bytes.subarray(offset, offset + length);
    if (part.length !== length) throw new Error("the file has become shorter while it was read");
    return part;
  }
}

/** All bytes of a source; of a large one no more than the machine has room for. */
export function readAll(source: ByteSource): Uint8Array {
  return source.read(0, source.byteLength);
}

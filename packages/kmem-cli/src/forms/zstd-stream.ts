import { createZstdDecompress, type ZstdDecompress } from "node:zlib";
import { turn } from "./whole-file-reader.ts";

const OUTPUT_BYTES = 262_144;

/** Unpacks one stream of zstd that comes in parts, whose bytes are all wanted after each part. */
export class ZstdParts {
  readonly #unpacker: ZstdDecompress;
  #error: unknown;

  /** @param take is given what has been unpacked; what it throws, `push` throws. */
  constructor(take: (bytes: Uint8Array) => void) {
    this.#unpacker = createZstdDecompress({ chunkSize: OUTPUT_BYTES });
    this.#unpacker.on("error", (error) => {
      this.#error ??= error;
    });
    this.#unpacker.on("data", (bytes: Buffer) => {
      if (this.#error !== undefined) return;
      try {
        take(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
      } catch (error) {
        this.#error = error;
      }
    });
  }

  /** Unpacks one part; throws the first error of all parts so far. */
  async push(part: Uint8Array): Promise<void> {
    if (this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#unpacker.once("close", resolve);
        this.#unpacker.write(part, () => {
          this.#unpacker.off("close", resolve);
          resolve();
        });
      });
      // What was put out last is handed on a little later.
      while (this.#error === undefined && this.#unpacker.readableLength > 0) await turn();
      await turn();
    }
    if (this.#error !== undefined) throw this.#error;
  }

  close(): void {
    this.#unpacker.destroy();
  }
}

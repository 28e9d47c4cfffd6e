import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";

/** Is told what is wrong with a packed stream. */
export interface StreamDamage {
  message: string | undefined;
}

const OUTPUT_BYTES = 262_144;

/**
 * Unpacks a stream. One that is cut or damaged is unpacked up to there, and the damage noted, so that what was
 * read is not lost and what is missing is known. Errors in reading the source are thrown.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: "gzip" | "zstd",
  damage: StreamDamage,
): AsyncGenerator<Uint8Array> {
  const unpacker =
    compression === "gzip"
      ? createGunzip({ chunkSize: OUTPUT_BYTES })
      : createZstdDecompress({ chunkSize: OUTPUT_BYTES });
  const feeding = feed(source, unpacker);
  let sourceError: unknown;
  feeding.catch((error: unknown) => {
    sourceError = error;
  });
  try {
    yield* drain(unpacker, damage);
  } finally {
    unpacker.destroy();
  }
  const fedBytes = await feeding.catch(() => undefined);
  if (fedBytes === undefined) throw sourceError;
  if (damage.message === undefined && unpacker.bytesWritten < fedBytes) {
    damage.message = `${fedBytes - unpacker.bytesWritten} bytes behind the end of the packed data`;
  }
}

type Unpacker = Gunzip | ZstdDecompress;

/** Writes the source to the unpacker as fast as it takes it, and answers the number of bytes. */
async function feed(source: AsyncIterable<Uint8Array>, unpacker: Unpacker): Promise<number> {
  let fedBytes = 0;
  try {
    for await (const chunk of source) {
      if (unpacker.destroyed) return fedBytes;
      fedBytes += chunk.length;
      await write(unpacker, chunk);
    }
    unpacker.end();
    return fedBytes;
  } catch (error) {
    unpacker.destroy();
    throw error;
  }
}

/** Resolves when the chunk has been taken, whatever came of it: what is wrong with it shows when draining. */
function write(unpacker: Unpacker, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    unpacker.once("close", resolve);
    unpacker.write(chunk, () => {
      unpacker.off("close", resolve);
      resolve();
    });
  });
}

/**
 * All that the unpacker puts out, also what it still holds when it fails: a stream's own iterator throws that away.
 */
async function* drain(unpacker: Unpacker, damage: StreamDamage): AsyncGenerator<Uint8Array> {
  let wake = (): void => {};
  let finished = false;
  const finish = (): void => {
    finished = true;
    wake();
  };
  unpacker.on("error", (error) => {
    damage.message = error.message;
    finish();
  });
  unpacker.on("end", finish);
  unpacker.on("close", finish);
  unpacker.on("readable", () => wake());
  for (;;) {
    const chunk: Buffer | null = unpacker.read();
    if (chunk !== null) {
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    } else if (finished) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

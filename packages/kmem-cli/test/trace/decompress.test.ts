import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decompress, type StreamDamage } from "../../src/trace/decompress.ts";

type Compression = "gzip" | "zstd";

/** Bytes that do not repeat, so that the packed form is long enough to be cut in many places. */
const CONTENT: Buffer = Buffer.alloc(3_000_000);
for (let i = 0, state = 1; i < CONTENT.length; i += 1) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  CONTENT[i] = 0x30 + (state >>> 27);
}

const PACK: Readonly<Record<Compression, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  // With a checksum, as the zstd command writes it: without one, damage may go unnoticed.
  zstd: (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
};

async function* pieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function unpack(
  packed: Buffer,
  compression: Compression,
  pauseMs = 0,
): Promise<{ content: Buffer; damage: StreamDamage }> {
  const damage: StreamDamage = { message: undefined };
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(pieces(packed, 10_000), compression, damage)) {
    chunks.push(chunk.slice());
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return { content: Buffer.concat(chunks), damage };
}

describe.each(["gzip", "zstd"] as const)("decompress %s", (compression) => {
  const packed = PACK[compression](CONTENT);

  it("gives back what was packed", async () => {
    const { content, damage } = await unpack(packed, compression);
    expect(damage.message).toBeUndefined();
    expect(content.equals(CONTENT)).toBe(true);
  });

  it("reads several packed parts one after the other as one", async () => {
    const parts = [CONTENT.subarray(0, 1000), CONTENT.subarray(1000, 700_000), CONTENT.subarray(700_000)];
    const { content, damage } = await unpack(Buffer.concat(parts.map(PACK[compression])), compression);
    expect(damage.message).toBeUndefined();
    expect(content.equals(CONTENT)).toBe(true);
  });

  it("gives what can be unpacked of a stream that is cut, and says that it is", async () => {
    const { content, damage } = await unpack(packed.subarray(0, packed.length >> 1), compression);
    expect(damage.message).toMatch(/unexpected end of file/);
    expect(content.length).toBeGreaterThan(CONTENT.length / 3);
    expect(content.equals(CONTENT.subarray(0, content.length))).toBe(true);
  });

  it("gives the same of it to a slow reader as to a fast one", async () => {
    const cut = packed.subarray(0, packed.length - 1000);
    const fast = await unpack(cut, compression);
    const slow = await unpack(cut, compression, 20);
    expect(slow.content.length).toBe(fast.content.length);
    expect(slow.damage).toEqual(fast.damage);
  });

  it("says so when bytes within are damaged", async () => {
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, packed.length >> 1, (packed.length >> 1) + 5000);
    const { content, damage } = await unpack(damaged, compression);
    expect(damage.message).toBeDefined();
    expect(content.subarray(0, 100_000).equals(CONTENT.subarray(0, 100_000))).toBe(true);
    expect(content.equals(CONTENT)).toBe(false);
  });

  it("says so when something else follows", async () => {
    const { content, damage } = await unpack(Buffer.concat([packed, Buffer.from("something else")]), compression);
    expect(damage.message).toBeDefined();
    expect(content.length).toBeGreaterThan(CONTENT.length / 2);
  });

  it("passes on what goes wrong in reading", async () => {
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, 1000);
      throw new Error("the disk is on fire");
    };
    const damage: StreamDamage = { message: undefined };
    const reading = (async (): Promise<void> => {
      for await (const _ of decompress(source(), compression, damage));
    })();
    await expect(reading).rejects.toThrow("the disk is on fire");
    expect(damage.message).toBeUndefined();
  });

  it("lets its source go when the reader stops early", async () => {
    let released = false;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(packed, 10_000);
      } finally {
        released = true;
      }
    };
    for await (const _ of decompress(source(), compression, { message: undefined })) break;
    // It is told in one of the next turns, however long those take.
    while (!released) await new Promise((resolve) => setImmediate(resolve));
    expect(released).toBe(true);
  });
});

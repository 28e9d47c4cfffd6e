import { Buffer as NodeBuffer } from "node:buffer";
import { deflateRawSync, deflateSync, gzipSync, crc32 as nodeCrc32, zstdCompressSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../../kmem/test/support/random.ts";
import { BytesSource } from "../../src/sources/byte-source.ts";
import {
  crc32,
  createZstdDecompress,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from "../../src/sources/node-zlib.ts";
import { firstBytes } from "../../src/sources/opened-file.ts";
import { packingOf, unpacked } from "../../src/sources/unpack.ts";

const random = new Random(3);
const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index % 7 === 0 ? random.below(256) : index & 0x3f));

describe("what stands for Node's modules in a page", () => {
  let own: typeof import("../../src/sources/node-buffer.ts")["Buffer"];

  beforeAll(async () => {
    ({ Buffer: own } = await import("../../src/sources/node-buffer.ts"));
    // The module puts its own in the place of Node's, as it has to in a page.
    Object.assign(globalThis, { Buffer: NodeBuffer });
  });

  it("sums up and unpacks as Node does", () => {
    const half = bytes.subarray(0, 1000);
    expect(crc32(bytes)).toBe(nodeCrc32(bytes));
    expect(crc32(bytes.subarray(1000), crc32(half))).toBe(nodeCrc32(bytes));
    const options = { maxOutputLength: bytes.length };
    expect(inflateRawSync(new Uint8Array(deflateRawSync(bytes)), options)).toEqual(bytes);
    expect(inflateSync(new Uint8Array(deflateSync(bytes)), options)).toEqual(bytes);
    expect(zstdDecompressSync(new Uint8Array(zstdCompressSync(bytes)), options)).toEqual(bytes);
    expect(() => zstdDecompressSync(new Uint8Array(zstdCompressSync(bytes)), { maxOutputLength: 10 })).toThrow();
  });

  it("unpacks a stream part by part", () => {
    const packed = new Uint8Array(zstdCompressSync(bytes));
    const pieces: Uint8Array[] = [];
    const stream = createZstdDecompress().on("data", (piece: Uint8Array) => void pieces.push(piece.slice()));
    for (let at = 0; at < packed.length; at += 5000) stream.write(packed.subarray(at, at + 5000), () => undefined);
    stream.destroy();
    expect(new Uint8Array(NodeBuffer.concat(pieces))).toEqual(bytes);
  });

  it("has as much of Buffer as is used, byte for byte", () => {
    const text = "kmalloc: call_site=ÿé 17";
    expect([...own.from(text, "latin1")]).toEqual([...NodeBuffer.from(text, "latin1")]);
    expect([...own.from(text)]).toEqual([...NodeBuffer.from(text)]);
    const whole = new Uint8Array(20_000).map((_, index) => index & 0xff);
    expect(own.from(whole.buffer, 5, 19_000).toString("latin1")).toBe(
      NodeBuffer.from(whole.buffer, 5, 19_000).toString("latin1"),
    );
    expect(own.concat([own.from("ab"), own.from("é")]).toString("utf8")).toBe("abé");
  });
});

describe("packed files", () => {
  it.each([
    ["none", bytes],
    ["gzip", new Uint8Array(gzipSync(bytes))],
    ["zstd", new Uint8Array(zstdCompressSync(bytes))],
  ])("are unpacked: %s", (packing, packed) => {
    const source = new BytesSource(packed);
    expect(packingOf(source)).toBe(packing);
    expect(unpacked(source)).toEqual(bytes);
    expect(firstBytes(source, 100).subarray(0, 100)).toEqual(bytes.subarray(0, 100));
  });

  it("are refused where they unpack to more than can be true", () => {
    const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(2 ** 27)));
    expect(() => unpacked(new BytesSource(bomb))).toThrow("more than can be true");
  });
});

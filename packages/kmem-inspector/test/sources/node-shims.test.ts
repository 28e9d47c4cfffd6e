import { Buffer as NodeBuffer } from "node:buffer";
import { deflateRawSync, deflateSync, gzipSync, crc32 as nodeCrc32, zstdCompressSync } from "node:zlib";
import { dumpHeap, Heap } from "kmem";
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
import { dumpSourceOf, firstBytes } from "../../src/sources/opened-file.ts";
import { packingOf, unpack, unpacked } from "../../src/sources/unpack.ts";

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
  });

  it.each([
    ["zstd", zstdDecompressSync, zstdCompressSync],
    ["deflate", inflateRawSync, deflateRawSync],
    ["zlib", inflateSync, deflateSync],
  ])("stops to unpack where it is more than allowed: %s", (_name, unpack, pack) => {
    const zeros = new Uint8Array(2 ** 22);
    const packed = new Uint8Array(pack(zeros));
    expect(() => unpack(packed, { maxOutputLength: 2 ** 20 })).toThrow("longer than it may be");
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

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("are unpacked little at a time: %s", (_packing, pack) => {
    let most = 0;
    let sum = 0;
    unpack(new BytesSource(new Uint8Array(pack(new Uint8Array(2 ** 25)))), ({ length }) => {
      most = Math.max(most, length);
      sum += length;
    });
    expect([sum, most < 2 ** 24]).toEqual([2 ** 25, true]);
  });

  it("are refused where they unpack to more than can be true", () => {
    const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(2 ** 27)));
    expect(() => unpacked(new BytesSource(bomb))).toThrow("more than can be true");
  });

  it("are refused where they ask for a window that nobody packs with, in any frame", () => {
    const small = new Uint8Array(zstdCompressSync(bytes));
    // A frame of one empty block with a window of almost 2 GiB.
    const greedy = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (20 << 3) | 7, 1, 0, 0];
    for (const packed of [Uint8Array.from(greedy), Uint8Array.from([...small, ...greedy])]) {
      expect(() => unpacked(new BytesSource(packed))).toThrow("more memory");
    }
    const skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    const both = Uint8Array.from([...small, ...skippable, ...small]);
    expect(unpacked(new BytesSource(both)).length).toBe(2 * bytes.length);
  });

  it("are refused as dumps where they unpack to more than the dump's head says", () => {
    const dump = dumpHeap(Heap.create({ sizeBytes: 2 ** 20 }));
    const longer = new Uint8Array(dump.length + 2 ** 20);
    longer.set(dump);
    const pack = (whole: Uint8Array) => new Uint8Array(zstdCompressSync(whole));
    expect(dumpSourceOf({ name: "a", bytes: pack(dump) }).byteLength).toBe(dump.length);
    expect(() => dumpSourceOf({ name: "b", bytes: pack(longer) })).toThrow("more than it says");
  });
});

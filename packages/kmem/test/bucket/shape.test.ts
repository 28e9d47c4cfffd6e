import { describe, expect, it } from "vitest";
import { bitmapWords, blockShiftFor, bucketShapes } from "../../src/bucket/shape.ts";

const shapes = bucketShapes();
const shapeFor = (blockBytes: number) => shapes[Math.log2(blockBytes)] as (typeof shapes)[number];

describe("the shapes of buckets", () => {
  it.each([
    // The reference's table, §4.1, and the two sizes below it that only the document has.
    [8, 1, 502],
    [16, 1, 253],
    [32, 1, 127],
    [64, 1, 63],
    [128, 1, 31],
    [256, 1, 15],
    [512, 1, 7],
    [1024, 1, 3],
    [2048, 1, 1],
    [4096, 2, 1],
    [8192, 3, 1],
    [16_384, 5, 1],
  ])("blocks of %i bytes: %i pages, %i blocks", (blockBytes, pageCount, blockCount) => {
    expect(shapeFor(blockBytes)).toMatchObject({ blockBytes, pageCount, blockCount });
  });

  it("leave room for the metadata, lose no block to it, and align blocks to their size up to a page", () => {
    for (const { blockBytes, blockCount, dataOffset, pageCount } of shapes.slice(3)) {
      const metadataBytes = 16 + bitmapWords(blockCount) * 4;
      expect(dataOffset).toBeGreaterThanOrEqual(metadataBytes);
      expect(dataOffset % Math.min(blockBytes, 4096)).toBe(0);
      expect(dataOffset + blockCount * blockBytes).toBeLessThanOrEqual(pageCount * 4096);
      if (blockBytes >= 4096) continue;
      const oneMore = 16 + bitmapWords(blockCount + 1) * 4;
      expect(Math.ceil(oneMore / blockBytes) * blockBytes + (blockCount + 1) * blockBytes).toBeGreaterThan(4096);
    }
  });

  it("reach from 8 bytes to 2 GiB", () => {
    expect(shapes.map(({ blockBytes }) => blockBytes).at(-1)).toBe(2 ** 31);
    expect(shapes.at(-1)?.pageCount).toBe(2 ** 19 + 1);
    const wanted: readonly (readonly [number, number])[] = [
      [1, 3],
      [8, 3],
      [9, 4],
      [4096, 12],
      [4097, 13],
      [2 ** 31 - 1, 31],
      [2 ** 31, 31],
      [2 ** 31 + 1, 32],
      [2 ** 32, 32],
      [2 ** 53, 32],
    ];
    for (const [sizeBytes, shift] of wanted) expect(blockShiftFor(sizeBytes)).toBe(shift);
  });
});

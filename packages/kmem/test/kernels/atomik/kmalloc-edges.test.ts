import { describe, expect, it } from "vitest";
import { REGION_HEADER_BYTES } from "../../../src/region/layout.ts";
import { setUp, withFreeChunks } from "../../region/kernel.ts";

describe("the edges of the Atomik kmalloc", () => {
  it("gives size 0 a block of its own, of one granule", () => {
    const { kernel, chunks } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    const [first, second, third] = [kernel.kmalloc(0, hdr), kernel.kmalloc_fast(0, hdr), kernel.kmalloc(-0, hdr)];
    expect([second, third]).toEqual([(first as number) + 48, (first as number) + 96]);
    expect(
      chunks(hdr)
        .map(({ usableBytes }) => usableBytes)
        .slice(0, 3),
    ).toEqual([16, 16, 16]);
    for (const address of [second, first, third]) kernel.kfree(address as number, hdr);
    expect(chunks(hdr)).toHaveLength(1);
  });

  it("leaves no rest that is too small for a chunk: the block gets it", () => {
    const { kernel, chunks } = setUp();
    // Room for a payload of 96 bytes: 64 would leave 32, a header without a payload; 48 leaves a chunk of 48.
    const hdr = kernel.kmalloc_init(16, 16 + 32 + 32 + 96 - 1);
    expect(kernel.kmalloc(64, hdr)).toBe(80);
    expect(chunks(hdr)).toEqual([expect.objectContaining({ busy: true, usableBytes: 96 })]);
    kernel.kfree(80, hdr);
    expect(kernel.kmalloc(48, hdr)).toBe(80);
    expect(chunks(hdr).map(({ usableBytes }) => usableBytes)).toEqual([48, 16]);
  });

  it("links the rest of a split in both directions, in the middle of the list too", () => {
    const setup = setUp();
    const { hdr } = withFreeChunks(setup, [10, 40, 20]);
    setup.kernel.kmalloc(64, hdr);
    expect(setup.kernel.check()).toEqual([]);
    setup.kernel.kmalloc_fast(64, hdr);
    expect(setup.kernel.check()).toEqual([]);
  });

  it("gives every size its full length", () => {
    const { kernel, bytes } = setUp();
    const hdr = kernel.kmalloc_init(16, 65_535);
    for (let size = 0; size < 300; size++) {
      const [address, next] = [kernel.kmalloc_fast(size, hdr), kernel.kmalloc_fast(1, hdr)];
      bytes.fill(0xff, address, address + size);
      kernel.kfree(next, hdr);
      kernel.kfree(address, hdr);
    }
    expect(kernel.check()).toEqual([]);
  });

  it("does not merge the last chunk with the first, though the list is a circle", () => {
    const { kernel, chunks } = setUp();
    const hdr = kernel.kmalloc_init(16, 16 + REGION_HEADER_BYTES + 3 * 48 - 1);
    const [first, middle, last] = [1, 2, 3].map(() => kernel.kmalloc(0, hdr)) as [number, number, number];
    kernel.kfree(first, hdr);
    kernel.kfree(last, hdr);
    expect(chunks(hdr).map(({ busy, blocks }) => [busy, blocks])).toEqual([
      [false, 3],
      [true, 3],
      [false, 3],
    ]);
    kernel.kfree(middle, hdr);
    expect(chunks(hdr).map(({ blocks }) => blocks)).toEqual([9]);
    expect(kernel.check()).toEqual([]);
  });

  it("sees a double free even where the chunk was merged into the one before it", () => {
    const { kernel, log } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    const [first, second] = [kernel.kmalloc(300, hdr), kernel.kmalloc(300, hdr)];
    kernel.kfree(first, hdr);
    kernel.kfree(second, hdr);
    kernel.kfree(second, hdr);
    expect(log.messages()).toEqual([expect.stringContaining("liberacion doble / corrupcion (estado 0)")]);
  });

  it("does what its own test did: three of 300, freed in the order 2, 1, 3, end as one free chunk", () => {
    const { kernel, log } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    kernel.kmalloc_chunk_debug(hdr);
    const live = [1, 2, 3].map(() => kernel.kmalloc(300, hdr));
    for (const index of [1, 0, 2]) {
      kernel.kmalloc_chunk_debug(hdr);
      kernel.kfree(live[index] as number, hdr);
    }
    kernel.kmalloc_chunk_debug(hdr);
    const lines = log.messages();
    expect(lines[0]).toBe("F0x30(4048)n0x30p0x30");
    expect(lines[1]).toBe(
      "B0x30(336)n0x180p0x420 B0x180(336)n0x2d0p0x30 B0x2d0(336)n0x420p0x180 F0x420(3040)n0x30p0x2d0",
    );
    expect(lines[2]).toMatch(/^B0x30\S+ F0x180\S+ B0x2d0\S+ F0x420\S+$/);
    expect(lines[3]).toMatch(/^F0x30\(672\)\S+ B0x2d0\S+ F0x420\S+$/);
    expect(lines.at(-1)).toBe(lines[0]);
  });
});

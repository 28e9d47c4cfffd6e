// Every invariant of the buckets, broken by a stray write, is found; and no stray write makes the engine throw or loop.
import { beforeEach, describe, expect, it } from "vitest";
import { BucketWord, StateWord } from "../../src/bucket/layout.ts";
import { Heap } from "../../src/index.ts";
import { LogRing, type MyKernel, mykernel } from "../../src/kernels/mykernel/mykernel.ts";
import { FrameRecord, OwnerMark } from "../../src/layout.ts";
import { Peek } from "../support/peek.ts";
import { Random } from "../support/random.ts";

const PAGE = 4096;

let heap: Heap;
let kernel: MyKernel;
let log: LogRing;
let words: Int32Array;
/** Five blocks of 512 bytes in one bucket, and one in another: both have free blocks. */
let blocks: number[];
let bucket: number;
let stateWord: number;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 1024 * 1024 });
  log = new LogRing();
  kernel = mykernel(heap, log);
  words = new Int32Array(heap.buffer);
  blocks = Array.from({ length: 8 }, () => kernel.kmalloc(512, 0));
  kernel.kfree(blocks[0] as number);
  kernel.kfree(blocks[1] as number);
  kernel.kmalloc_dma(3 * PAGE);
  bucket = Math.floor((blocks[0] as number) / PAGE) * PAGE;
  stateWord = markedFrame(OwnerMark.BUCKET_STATE) * (PAGE / 4);
  expect(kernel.check().findings).toEqual([]);
});

function markedFrame(mark: number): number {
  const peek = new Peek(heap);
  for (let frame = peek.firstPageFrame; frame < peek.endFrame; frame++) {
    if (peek.frame(frame, FrameRecord.SLAB_OR_OWNER) === mark) return frame;
  }
  throw new Error(`no run is marked ${mark}`);
}

function problems(): string[] {
  return kernel.check().findings.map(({ problem }) => problem);
}

const damage: readonly (readonly [string, () => void, RegExp])[] = [
  ["a wrong live count", () => words[bucket / 4 + BucketWord.SHAPE]++, /5 live blocks, its count says 6/],
  [
    "a shape that there is not",
    () => {
      words[bucket / 4 + BucketWord.SHAPE] = 99 << 16;
    },
    /the shape of a bucket is damaged/,
  ],
  [
    "a shape of another size",
    () => {
      words[bucket / 4 + BucketWord.SHAPE] = 5 | (14 << 16);
    },
    /the shape of a bucket is damaged/,
  ],
  ["a pool that there is not", () => (words[bucket / 4 + BucketWord.SHAPE] |= 2 << 24), /the shape of a bucket/],
  ["a bit of a free block", () => (words[bucket / 4 + BucketWord.BITMAP] ^= 127), /live blocks, its count says 5/],
  ["a bit behind the last block", () => (words[bucket / 4 + BucketWord.BITMAP] |= 128), /names block 7 of 7/],
  [
    "a bucket without live blocks",
    () => {
      words[bucket / 4 + BucketWord.BITMAP] = 0;
    },
    /a bucket without a live block was not released/,
  ],
  [
    "an overwritten link",
    () => {
      words[(blocks[1] as number) / 4] = 0x7777_7777;
    },
    /a free list holds what is no free block/,
  ],
  [
    "a free list in a circle",
    () => {
      words[(blocks[0] as number) / 4] = blocks[1] as number;
    },
    /holds it twice/,
  ],
  [
    "a free list cut short",
    () => {
      words[(blocks[1] as number) / 4] = 0;
    },
    /has 2 free blocks, its free list holds 1/,
  ],
  [
    "a wrong link to the next bucket",
    () => (words[bucket / 4 + BucketWord.NEXT] ^= 5),
    /a list holds what is no bucket/,
  ],
  ["a wrong link back", () => words[bucket / 4 + BucketWord.PREV]++, /a link back is wrong/],
  [
    "a list without its buckets",
    () => {
      words[stateWord + StateWord.HEADS + 9] = 0;
    },
    /a bucket with free blocks is in no list/,
  ],
  ["a list of blocks too small", () => words[stateWord + StateWord.HEADS]++, /list of blocks of 1 bytes is not empty/],
  ["a bucket in the list of another size", () => moveList(9, 10), /a list holds what is no bucket of its size/],
  ["a bucket in the list of another pool", () => moveList(9, 41), /a list holds what is no bucket of its size/],
  ["a wrong count of buckets", () => words[stateWord + StateWord.BUCKETS]++, /2 buckets, the count says 3/],
  ["a wrong count of live blocks", () => words[stateWord + StateWord.LIVE_BLOCKS]++, /6 live blocks, the count says 7/],
  ["a wrong count of buffers", () => words[stateWord + StateWord.DMA_BUFFERS]++, /1 buffers for DMA, the count says 2/],
  ["a wrong count of their pages", () => words[stateWord + StateWord.DMA_PAGES]--, /3 pages for DMA, the count says 2/],
  ["a lost magic", () => words[stateWord + StateWord.MAGIC]++, /lost its magic/],
  ["a second page of its own", () => mark(bucket, OwnerMark.BUCKET_STATE), /not exactly one page of the buckets/],
  ["a bucket that lost its mark", () => mark(bucket, 0), /1 buckets, the count says 2/],
];

function moveList(from: number, to: number): void {
  words[stateWord + StateWord.HEADS + to] = words[stateWord + StateWord.HEADS + from];
  words[stateWord + StateWord.HEADS + from] = 0;
}

function mark(address: number, value: number): void {
  words[new Peek(heap).frameWord(address / PAGE, FrameRecord.SLAB_OR_OWNER)] = value;
}

describe("the check of the buckets", () => {
  it.each(damage)("finds %s", (_name, doDamage, problem) => {
    doDamage();
    expect(problems().join("\n")).toMatch(problem);
    expect(kernel.check().findings.some(({ layer }) => layer === "bucket")).toBe(true);
    expect(kernel.check().isClean).toBe(false);
  });

  it("ends on any bytes in the engine's page and in the metadata, and so do the calls", () => {
    const random = new Random(5);
    for (let round = 0; round < 400; round++) {
      const at = random.below(2) === 0 ? stateWord + random.below(80) : bucket / 4 + random.below(8);
      words[at] = random.pick([random.below(2 ** 32), random.below(300), -1, 0, 1 << 16]);
      kernel.check();
      const ptr = kernel.kmalloc(random.size(2000), random.below(2) * 8);
      kernel.kfree(ptr);
      kernel.kfree(blocks[random.below(8)] as number);
      kernel.krealloc(blocks[random.below(8)] as number, 600, 0);
    }
    expect(kernel.check().isClean).toBe(false);
  });

  it("says so and gives NULL when a list names what is no bucket", () => {
    const page = heap.pages.alloc(1);
    words[stateWord + StateWord.HEADS + 9] = page / PAGE;
    expect(kernel.kmalloc(512, 0)).toBe(0);
    const text = `kmalloc: a list of buckets names 0x${page.toString(16)}, which is no bucket of 512 bytes`;
    // Once, and once more after the heap gave back what lay idle.
    expect(new Set(log.messages())).toEqual(new Set([text]));
    expect(new Uint8Array(heap.buffer, page, PAGE).every((byte) => byte === 0)).toBe(true);
  });
});

import type { Allocator } from "./allocator.ts";
import { ensure, ensureSame, ensureThrows } from "./assertions.ts";
import type { Held, Holder } from "./holder.ts";
import type { Requirement } from "./requirements.ts";

const CLEARED_SIZES: readonly number[] = [0, 1, 15, 16, 17, 100, 255, 257, 1000, 4095, 4096, 32_769, 100_000];
const RESIZED_SIZES: readonly number[] = [0, 1, 16, 17, 100, 113, 1000, 5000, 33_000, 100_000, 32_768, 300, 40, 7, 0];
const BAD_ALIGNMENTS: readonly number[] = [3, 0, -16, 1.5, Number.NaN];

type Resizing = Required<Pick<Allocator, "realloc">>;
type Aligning = Required<Pick<Allocator, "alignedAlloc">>;
type Clearing = Required<Pick<Allocator, "calloc">>;

/** Takes everything that there is, in ever smaller blocks. */
function fill(holder: Holder): number[] {
  return holder.fit([100_000, 33_000, 5000, 100, 16]).flatMap((size) => holder.exhaust(size));
}

export const RESIZE_REQUIREMENTS: readonly Requirement[] = [
  {
    name: "clears what calloc gives, whatever was there before",
    needs: ["any size", "calloc"],
    run: (holder) => {
      const { allocator } = holder;
      const { calloc } = allocator as Clearing;
      const sizes = holder.fit(CLEARED_SIZES);
      for (const size of sizes) holder.take(size);
      holder.freeAll();
      const ensureCleared = (address: number, sizeBytes: number): void => {
        const bytes = allocator.read(address, sizeBytes);
        ensure(
          bytes.every((byte) => byte === 0),
          () => `calloc of ${sizeBytes} bytes left one at ${address}`,
        );
        holder.hold(address, sizeBytes);
      };
      for (const size of sizes) ensureCleared(calloc(size, 1), size);
      ensureCleared(calloc(300, 7), 2100);
      holder.ensureAllIntact();
    },
  },
  {
    name: "keeps contents through realloc, growing and shrinking",
    needs: ["any size", "realloc"],
    run: (holder) => {
      const { allocator } = holder;
      const { realloc } = allocator as Resizing;
      const sizes = holder.fit(RESIZED_SIZES);
      for (const from of sizes) {
        for (const to of sizes) {
          const block = holder.take(from);
          const neighbour = holder.take(from);
          const moved = realloc(block.address, to);
          const usableBytes = allocator.usableSize?.(moved) ?? to;
          ensure(usableBytes >= to, () => `${moved} holds ${usableBytes} bytes of ${to}`);
          ensure(moved % holder.adapter.alignmentBytes === 0, () => `${moved} is not aligned`);
          holder.ensureIntact({ ...block, address: moved }, Math.min(from, to));
          holder.ensureIntact(neighbour);
          allocator.free(moved);
          allocator.free(neighbour.address);
          holder.held.length = 0;
        }
      }
    },
  },
  {
    name: "does not leak what realloc moves",
    needs: ["any size", "realloc"],
    run: (holder) => {
      const { allocator } = holder;
      const figures = holder.settle();
      let { address } = holder.take(10);
      for (const size of holder.fit([100, 1000, 10_000, 100_000, 200_000, 50, 70_000, 3])) {
        address = (allocator as Resizing).realloc(address, size);
      }
      holder.held.length = 0;
      allocator.free(address);
      allocator.trim?.();
      ensureSame(allocator.figures(), figures, "figures after realloc");
    },
  },
  {
    name: "treats realloc of 0 as alloc, and keeps the old block when realloc fails",
    needs: ["any size", "realloc"],
    run: (holder) => {
      const { realloc } = holder.allocator as Resizing;
      holder.hold(realloc(0, 100), 100);
      holder.take(50_000);
      for (const { address } of holder.held) {
        ensureThrows(() => realloc(address, holder.allocator.capacityBytes), "OUT_OF_MEMORY", "realloc to too much");
      }
      holder.ensureAllIntact();
    },
  },
  {
    name: "can always make a block smaller, even when memory is full",
    needs: ["any size", "realloc"],
    run: (holder) => {
      const { realloc } = holder.allocator as Resizing;
      const blocks: Held[] = [holder.take(50_000), holder.take(1000)];
      const others = fill(holder);
      for (const block of blocks) {
        const address = realloc(block.address, 10);
        holder.ensureIntact({ ...block, address }, 10);
        holder.allocator.free(address);
      }
      holder.held.length = 0;
      for (const address of others) holder.allocator.free(address);
    },
  },
  {
    name: "aligns blocks to as much as fits",
    needs: ["any size", "alignedAlloc"],
    run: (holder) => {
      const { allocator, adapter } = holder;
      const { alignedAlloc } = allocator as Aligning;
      for (let alignment = adapter.leastAlignmentBytes ?? 1; alignment <= allocator.capacityBytes / 8; alignment *= 2) {
        for (const size of holder.fit([0, 1, 40, 129, 4097, 33_000])) {
          holder.hold(alignedAlloc(alignment, size), size, alignment);
          if (alignment > allocator.capacityBytes / 64) holder.freeAll();
        }
        holder.ensureAllIntact();
        holder.freeAll();
      }
    },
  },
  {
    name: "refuses what is no alignment",
    needs: ["alignedAlloc", "refusal of sizes"],
    run: ({ allocator, adapter }) => {
      const { alignedAlloc } = allocator as Aligning;
      for (const alignment of BAD_ALIGNMENTS) {
        ensureThrows(() => alignedAlloc(alignment, 8), adapter.codes?.alignment, `an alignment of ${alignment}`);
      }
      // No alignment, or one that no memory has.
      ensureThrows(() => alignedAlloc(2 ** 32, 8), undefined, "an alignment of 4 GiB");
    },
  },
];

import { DESCRIPTOR_BYTES, MIN_BLOCK_SIZE } from "../../src/cluster/layout.ts";
import { layersOf } from "../../src/heap/access.ts";
import type * as GietModule from "../../src/kernels/giet/giet.ts";
import { call } from "../interleave/call.ts";
import type { ThreadBody } from "../interleave/runtime/virtual-thread.ts";
import { moduleOf, REAPER, SURVIVOR, VICTIM } from "./modules.ts";
import { type Operation, PAGE_BYTES, type Threads } from "./world.ts";

type Giet = GietModule.Giet;

/** What each thread has of the machine. */
type Kernels = readonly [survivor: Giet, victim: Giet, reaper: Giet];

const SILENT = { print: (): void => {} };
const HEAP_PAGES = 4;
const HEAP_BYTES: number = HEAP_PAGES * PAGE_BYTES;
/** Where the heap begins in virtual addresses. */
const BASE = 0x1000_0000;

/** A machine of one cluster in pages of the heap; the processor of the survivor alone is there. */
function bind(threads: Threads, offset: number): Kernels {
  const memory = threads.survivor.buffer as SharedArrayBuffer;
  const kernels = [SURVIVOR, VICTIM, REAPER].map((processor) => {
    const { giet, VOBJ_TYPE_HEAP } = moduleOf<typeof GietModule>(threads, processor, "kernels/giet/giet.ts");
    const vsegs = [{ type: VOBJ_TYPE_HEAP, base: BASE, length: HEAP_BYTES, offset }];
    const isGone = (other: number): boolean => other !== SURVIVOR;
    return giet({ clusters: [[{ memory, vsegs }]], kernel_data: offset + HEAP_BYTES, processor, isGone }, SILENT);
  });
  kernels[SURVIVOR]?._heap_init();
  return kernels as unknown as Kernels;
}

/** Virtual addresses of all allocated blocks. */
function blocksOf({ kernel_heap }: Giet, bytes: Uint8Array, offset: number): number[] {
  const { alloc_base = 0 } = kernel_heap[0]?.[0] ?? {};
  const slots = Array.from({ length: (alloc_base - BASE) / MIN_BLOCK_SIZE }, (_, slot) => slot);
  return slots
    .filter((slot) => bytes[alloc_base - BASE + offset + slot] !== 0)
    .map((slot) => BASE + slot * MIN_BLOCK_SIZE);
}

/** Works in the cluster's heap: `prepare` returns what the operation is about. */
function clustering(
  name: string,
  prepare: (kernel: Giet) => readonly number[],
  operate: (kernel: Giet, at: readonly number[]) => ThreadBody,
): Operation {
  let kernels: Kernels | undefined;
  let about: readonly number[] = [];
  return {
    name: `giet, ${name}`,
    prepare: (threads) => {
      const offset = threads.survivor.pages.alloc(HEAP_PAGES + Math.ceil(DESCRIPTOR_BYTES / PAGE_BYTES));
      kernels = bind(threads, offset);
      const [kernel] = kernels;
      const { bytes } = layersOf(threads.survivor).memory;
      about = prepare(kernel);
      const kept = blocksOf(kernel, bytes, offset).filter((block) => !about.includes(block));
      return {
        check: () => {
          const problems = kernel.check().findings.map(({ problem }) => problem);
          const blocks = blocksOf(kernel, bytes, offset);
          for (const block of kept) if (!blocks.includes(block)) problems.push(`the block at ${block} is gone`);
          for (const block of blocks) kernel._free(block);
          if (kernel._remote_malloc(HEAP_BYTES / 2, 0, 0) !== BASE)
            problems.push("half the heap cannot be had at last");
          return problems;
        },
        goOn: () => kernel._free(kernel._remote_malloc(1, 0, 0)),
      };
    },
    recover: () => call((kernels as Kernels)[REAPER], "_remote_malloc", 1, 0, 0),
    operate: () => operate((kernels as Kernels)[VICTIM], about),
  };
}

/** What threads do in the heap of a cluster. */
export const GIET_OPERATIONS: readonly Operation[] = [
  clustering(
    "_remote_malloc: a block is halved",
    (kernel) => [kernel._remote_malloc(HEAP_BYTES / 4, 0, 0)].slice(1),
    (kernel) => call(kernel, "_remote_malloc", 100, 0, 0),
  ),
  clustering(
    "_free: halves are merged",
    (kernel) => {
      const blocks = Array.from({ length: 4 }, () => kernel._remote_malloc(200, 0, 0));
      kernel._free(blocks[3] as number);
      return blocks.slice(0, 1);
    },
    (kernel, at) => call(kernel, "_free", at[0] as number),
  ),
  clustering(
    "_free: the other half stands inside of its list",
    (kernel) => {
      const blocks = Array.from({ length: 8 }, () => kernel._remote_malloc(200, 0, 0));
      for (const index of [1, 3, 5]) kernel._free(blocks[index] as number);
      return [blocks[2] as number];
    },
    (kernel, at) => call(kernel, "_free", at[0] as number),
  ),
];

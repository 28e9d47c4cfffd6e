import { layersOf } from "../../src/heap/access.ts";
import { heapStats } from "../../src/index.ts";
import { call } from "../interleave/call.ts";
import type { Operation, Prepared, Threads } from "./world.ts";

/** A block that is a run of pages, of a length that no slot caches. */
const RUN_BYTES: number = 11 * 4096;

/** The last page is gone, so that the next run of pages needs the memory to grow. */
function withoutPages({ survivor }: Threads): Prepared {
  while (survivor.pages.tryAlloc(1, { reserve: true }) !== 0) if (heapStats(survivor).bytes.freePageBytes === 0) break;
  return {};
}

/** WebAssembly pages that the program adds to the memory. */
const PROGRAM_PAGES = 2;
const PROGRAM_BYTE = 0xa5;

/** Adds pages to the memory as a program does; the result says what of them has not stayed the program's. */
function addedByProgram({ survivor }: Threads): () => string[] {
  const bytes = PROGRAM_PAGES * 65_536;
  const first = (survivor.source as WebAssembly.Memory).grow(PROGRAM_PAGES) * 65_536;
  new Uint8Array(survivor.buffer, first, bytes).fill(PROGRAM_BYTE);
  return () => {
    const { frames } = layersOf(survivor).pages;
    const problems: string[] = [];
    for (let frame = first / 4096; frame < (first + bytes) / 4096; frame++) {
      const isForeign = frame >= frames.endFrame ? frames.kind(frame) === 0 : frames.isForeign(frame);
      if (!isForeign) problems.push(`page ${frame} of the program's is of kind ${frames.kind(frame)}`);
    }
    const isWhole = new Uint8Array(survivor.buffer, first, bytes).every((byte) => byte === PROGRAM_BYTE);
    return isWhole ? problems : [...problems, "the program's bytes were written to"];
  };
}

export const GROWING: readonly Operation[] = [
  {
    name: "alloc: the memory grows",
    isStateful: true,
    options: { sizeBytes: 512 * 1024, maximumBytes: 1024 * 1024 },
    prepare: withoutPages,
    operate: ({ victim }) => call(victim, "alloc", RUN_BYTES),
  },
  {
    name: "alloc: the memory grows behind what the program has added",
    isStateful: true,
    options: { sizeBytes: 512 * 1024, maximumBytes: 2 * 1024 * 1024 },
    prepare: (threads) => ({ ...withoutPages(threads), check: addedByProgram(threads) }),
    operate: ({ victim }) => call(victim, "alloc", RUN_BYTES),
  },
  {
    name: "pages.alloc: the memory grows after what the program has added, across the end of the DMA zone",
    isStateful: true,
    options: { sizeBytes: 512 * 1024, maximumBytes: 2 * 1024 * 1024, dmaBytes: 512 * 1024 },
    prepare: (threads) => ({ ...withoutPages(threads), check: addedByProgram(threads) }),
    operate: ({ victim }) => call(victim.pages, "alloc", 2),
  },
];

import { call } from "../interleave/call.ts";
import type { Operation, Threads } from "./world.ts";

const PAGE_BYTES = 4096;
/** A block that is a run of pages, and one that is a shorter run. */
const RUN_BYTES: number = 11 * PAGE_BYTES;
const SHORT_RUN_BYTES: number = 9 * PAGE_BYTES;
/** A heap of which each of three slots may keep two runs, since so many pages are in use and so many are free. */
const HEAP_BYTES: number = 16 * 1024 * 1024;
const USED_PAGES = 2500;
/** Runs that are freed before the one that is kept in place of the oldest: two are kept, and seven refused. */
const RUNS_BEFORE = 9;

/** Frees blocks of the victim, so that it keeps their runs. */
function keep({ victim, survivor }: Threads, blocks: readonly number[]): void {
  survivor.pages.alloc(USED_PAGES);
  for (const block of blocks) victim.free(block);
}

/** Frees the block that was prepared. */
const free: Operation["operate"] = ({ victim }, { at = [] }) => call(victim, "free", at[0] as number);

/** What becomes of the long runs that a slot keeps. */
export const KEPT: readonly Operation[] = [
  {
    name: "alloc: a run that was kept before another",
    options: { sizeBytes: HEAP_BYTES },
    prepare: (threads) => {
      keep(threads, [threads.victim.alloc(RUN_BYTES), threads.victim.alloc(SHORT_RUN_BYTES)]);
      return {};
    },
    operate: ({ victim }) => call(victim, "alloc", RUN_BYTES),
  },
  {
    name: "free: a run is kept",
    options: { sizeBytes: HEAP_BYTES },
    prepare: (threads) => {
      keep(threads, [threads.victim.alloc(RUN_BYTES)]);
      return { at: [threads.survivor.alloc(RUN_BYTES)] };
    },
    operate: free,
  },
  {
    name: "free: a run is kept in place of the oldest",
    options: { sizeBytes: HEAP_BYTES },
    prepare: (threads) => {
      const last = threads.victim.alloc(RUN_BYTES);
      keep(
        threads,
        Array.from({ length: RUNS_BEFORE }, () => threads.victim.alloc(RUN_BYTES)),
      );
      return { at: [last] };
    },
    operate: free,
  },
];

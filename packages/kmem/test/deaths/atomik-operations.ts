import { layersOf } from "../../src/heap/access.ts";
import type * as AtomikModule from "../../src/kernels/atomik/atomik.ts";
import type * as RangeModule from "../../src/kernels/atomik/range.ts";
import { RunKind } from "../../src/pages/layout.ts";
import { call } from "../interleave/call.ts";
import type { ThreadBody } from "../interleave/runtime/virtual-thread.ts";
import { moduleOf, REAPER, SURVIVOR, VICTIM } from "./modules.ts";
import { type Operation, PAGE_BYTES, type Threads } from "./world.ts";

type Atomik = AtomikModule.Atomik;

/** The bindings of all threads. */
type Kernels = readonly [survivor: Atomik, victim: Atomik, reaper: Atomik];

const SILENT = { print: (): void => {} };
/** Two ranges side by side, of which the first is the root of their list. */
const RANGE_PAGES = 16;
const RANGE_BYTES: number = RANGE_PAGES * PAGE_BYTES;

/** Binds each thread; those that recover know that the others are dead. */
function bind(threads: Threads, first: number): Kernels {
  const kernels: Atomik[] = [];
  const isGone = (owner: number): boolean => owner !== 0 && owner !== kernels[SURVIVOR]?.owner;
  const { buffer } = threads.survivor;
  for (const thread of [SURVIVOR, VICTIM, REAPER]) {
    const { atomik } = moduleOf<typeof AtomikModule>(threads, thread, "kernels/atomik/atomik.ts");
    const kernel = atomik(buffer as SharedArrayBuffer, SILENT, { isGone });
    kernel.mm_register_region(first, first + RANGE_BYTES - 1);
    kernels.push(kernel);
  }
  return kernels as unknown as Kernels;
}

/** Addresses and lengths of the runs of pages that are allocated in a range; undefined where there is no range. */
function runsIn(threads: Threads, range: number): Map<number, number> | undefined {
  const { Range } = moduleOf<typeof RangeModule>(threads, SURVIVOR, "kernels/atomik/range.ts");
  const frames = Range.open(layersOf(threads.survivor).memory, range)?.pages.frames;
  if (frames === undefined) return undefined;
  const runs = new Map<number, number>();
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) === RunKind.PAGES) runs.set(frame * PAGE_BYTES, frames.count(frame));
  }
  return runs;
}

/** Works in the ranges: `prepare` returns what the operation is about, which may be there afterwards or not. */
function ranging(
  name: string,
  prepare: (kernel: Atomik, first: number) => readonly number[],
  operate: (kernel: Atomik, at: readonly number[], first: number, threads: Threads) => ThreadBody,
): Operation {
  let kernels: Kernels | undefined;
  let first = 0;
  let about: readonly number[] = [];
  return {
    name: `atomik, ${name}`,
    prepare: (threads) => {
      first = threads.survivor.pages.alloc(2 * RANGE_PAGES);
      kernels = bind(threads, first);
      const [kernel] = kernels;
      const freePages = kernel.mm_region_debug(first);
      about = prepare(kernel, first);
      const kept = [...(runsIn(threads, first) ?? [])].filter(([address]) => !about.includes(address));
      return {
        check: () => {
          const problems = kernel.check().map(({ problem }) => problem);
          const runs = runsIn(threads, first) ?? new Map<number, number>();
          for (const [address, count] of kept) if (runs.get(address) !== count) problems.push(`${address} is lost`);
          for (const [address, count] of runs) if (kernel.page_free(address, count) !== 0) problems.push("not freed");
          if (kernel.mm_region_debug(first) !== freePages) problems.push("not all pages are free at last");
          // Whatever became of its registration, the second range can be registered.
          if (kernel.mm_register_region(first + RANGE_BYTES, first + 2 * RANGE_BYTES - 1) === 0)
            problems.push("the second range is refused");
          problems.push(...kernel.check().map(({ problem }) => problem));
          return problems;
        },
        goOn: () => void kernel.page_free(kernel.page_alloc(1), 1),
      };
    },
    recover: () => call((kernels as Kernels)[REAPER], "page_alloc", 1),
    operate: (threads) => operate((kernels as Kernels)[VICTIM], about, first, threads),
  };
}

/** What threads do in ranges of pages, inside the critical section. */
export const ATOMIK_OPERATIONS: readonly Operation[] = [
  ranging(
    "page_alloc",
    (kernel) => [kernel.page_alloc(1), kernel.page_alloc(2)].slice(2),
    (kernel) => call(kernel, "page_alloc", 3),
  ),
  ranging(
    "page_free: all of an allocation",
    (kernel) => [kernel.page_alloc(4), kernel.page_alloc(1)].slice(0, 1),
    (kernel, at) => call(kernel, "page_free", at[0] as number, 4),
  ),
  ranging(
    "page_free: the middle of an allocation",
    (kernel) => {
      const page = kernel.page_alloc(6);
      return [page, page + 4 * PAGE_BYTES];
    },
    (kernel, at) => call(kernel, "page_free", (at[0] as number) + 2 * PAGE_BYTES, 2),
  ),
  ranging(
    "mm_register_region: a second range",
    (kernel) => [kernel.page_alloc(4)].slice(1),
    (kernel, _, first) => call(kernel, "mm_register_region", first + RANGE_BYTES, first + 2 * RANGE_BYTES - 1),
  ),
  ranging(
    "mm_register_region: the thread joins the list",
    (kernel) => [kernel.page_alloc(4)].slice(1),
    function* (_, __, first, threads) {
      const { atomik } = moduleOf<typeof AtomikModule>(threads, VICTIM, "kernels/atomik/atomik.ts");
      const kernel = atomik(threads.victim.buffer as SharedArrayBuffer, SILENT);
      yield* call(kernel, "mm_register_region", first, first + RANGE_BYTES - 1);
      yield* call(kernel, "page_alloc", 1);
    },
  ),
];

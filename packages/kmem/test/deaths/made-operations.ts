import { layersOf } from "../../src/heap/access.ts";
import type { Heap as HeapClass } from "../../src/heap/heap.ts";
import type * as RingModule from "../../src/trace/ring.ts";
import type * as VmallocModule from "../../src/vmalloc/vmalloc.ts";
import { call } from "../interleave/call.ts";
import type { Heap } from "../interleave/scenarios/kmem.ts";
import { functionsOf, moduleOf, SURVIVOR, VICTIM } from "./modules.ts";
import { type Operation, PAGE_BYTES, type Threads } from "./world.ts";

const WORD_BYTES = 4;
const CAPACITY = 4;
const OPTIONS: RingModule.TraceRingOptions = { clock: () => 0 };
/** The words of a mempool of one element of kmalloc, and none in its reserve. */
const EMPTY_POOL = [0x4c4f4f50, 1, 0, 2, 1, 0, 0, 0] as const;

/** A thread that has made an area, a ring and a mempool, and is gone. */
function leaveThings(threads: Threads) {
  const { survivor } = threads;
  const { Vmalloc } = moduleOf<typeof VmallocModule>(threads, SURVIVOR, "vmalloc/vmalloc.ts");
  const { TraceRing } = moduleOf<typeof RingModule>(threads, SURVIVOR, "trace/ring.ts");
  const anchor = survivor.alloc(16);
  layersOf(survivor).memory.words[anchor / WORD_BYTES] = 0;
  const vm = Vmalloc.create(layersOf(survivor), anchor) as VmallocModule.Vmalloc;
  vm.vmalloc(PAGE_BYTES);
  const ghost = (survivor.constructor as typeof HeapClass).attach(survivor.reserve()) as Heap;
  Vmalloc.attach(layersOf(ghost), anchor).vmalloc(2 * PAGE_BYTES);
  TraceRing.create(layersOf(ghost), CAPACITY, OPTIONS);
  const pool = ghost.alloc(100);
  layersOf(survivor).memory.words.set(EMPTY_POOL, pool / WORD_BYTES);
  const isThere = (): boolean => layersOf(survivor).memory.words[anchor / WORD_BYTES] !== 0;
  const problems = (): string[] => {
    const found: string[] = [];
    if (isThere()) vm.check((address, problem) => found.push(`${problem} (at ${address})`));
    return found;
  };
  return {
    at: [anchor, pool],
    slot: ghost.slot,
    check: problems,
    cleanUp: () => {
      TraceRing.find(layersOf(survivor), OPTIONS)?.end();
      if (isThere()) vm.destroy();
    },
  };
}

/** What a dead thread had made beside blocks and pages goes with them. */
export const MADE_OPERATIONS: readonly Operation[] = [
  {
    name: "reap: areas, rings and mempools are freed",
    prepare: leaveThings,
    operate: (threads, { slot = 0 }) =>
      call(functionsOf(threads, VICTIM), "reapSlot", threads.victim, slot, { blocks: "free" }),
  },
  {
    name: "reap: areas and rings are given on",
    prepare: leaveThings,
    operate: (threads, { slot = 0 }) => {
      const how = { blocks: "give", to: threads.survivor.slot } as const;
      return call(functionsOf(threads, VICTIM), "reapSlot", threads.victim, slot, how);
    },
  },
];

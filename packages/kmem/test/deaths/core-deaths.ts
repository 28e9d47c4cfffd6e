import { bindProgram } from "../../src/wasm/index.ts";
import type { Heap, Kmem } from "../interleave/scenarios/kmem.ts";
import { type CoreCalls, type CoreMemory, Note, probedCore } from "../wasm/support/core-module.ts";
import { verdictOf } from "./verdict.ts";
import { type Operation, type Prepared, type Threads, World } from "./world.ts";

/** What a program is at when its thread dies within the malloc that was merged into it. */
interface CoreOperation {
  readonly name: string;
  readonly prepare: (threads: Threads) => Prepared;
  readonly call: (calls: CoreCalls, at: readonly number[]) => void;
}

/** What came of the deaths within one operation. */
export interface CoreDeaths {
  readonly name: string;
  /** Stores that it makes when it lives: after each of them it was killed. */
  readonly stores: number;
  readonly problems: readonly string[];
}

const MEMORY: CoreMemory = { pages: 17, maximum: 17, isShared: true };
const HEAP_START = 65_536;
const SMALL_BYTES = 64;
const OTHER_BYTES = 200;
/** A class without remote sheaves. */
const LARGE_BYTES = 1024;

/** Gives the victim's sheaves for these sizes both blocks and room. */
function warmed({ victim }: Threads, ...sizes: readonly number[]): Prepared {
  for (const sizeBytes of sizes) {
    for (const block of Array.from({ length: 4 }, () => victim.alloc(sizeBytes)).slice(2)) victim.free(block);
  }
  return {};
}

function block(heap: Heap, sizeBytes: number): Prepared {
  return { at: [heap.alloc(sizeBytes)] };
}

const OPERATIONS: readonly CoreOperation[] = [
  {
    name: "malloc",
    prepare: (threads) => warmed(threads, SMALL_BYTES),
    call: ({ malloc }) => malloc(SMALL_BYTES),
  },
  {
    name: "calloc",
    prepare: (threads) => warmed(threads, SMALL_BYTES),
    call: ({ calloc }) => calloc(1, SMALL_BYTES),
  },
  {
    name: "aligned_alloc",
    prepare: (threads) => warmed(threads, SMALL_BYTES),
    call: ({ aligned_alloc }) => aligned_alloc(16, SMALL_BYTES),
  },
  {
    name: "free: into the sheaf",
    prepare: (threads) => ({ ...warmed(threads, SMALL_BYTES), ...block(threads.victim, SMALL_BYTES) }),
    call: ({ free }, [address = 0]) => free(address),
  },
  {
    name: "free: into the remote sheaf",
    prepare: (threads) => {
      const { victim, survivor } = threads;
      victim.free(survivor.alloc(SMALL_BYTES));
      return block(survivor, SMALL_BYTES);
    },
    call: ({ free }, [address = 0]) => free(address),
  },
  {
    name: "free: another slot's, into the sheaf",
    prepare: (threads) => ({ ...warmed(threads, LARGE_BYTES), ...block(threads.survivor, LARGE_BYTES) }),
    call: ({ free }, [address = 0]) => free(address),
  },
  {
    name: "realloc: a block moves",
    prepare: (threads) => ({ ...warmed(threads, SMALL_BYTES, OTHER_BYTES), ...block(threads.victim, SMALL_BYTES) }),
    call: ({ realloc }, [address = 0]) => realloc(address, OTHER_BYTES),
  },
];

/** Ends the victim: WebAssembly is left without another instruction. */
class Death extends Error {}

/** A program of the victim's that dies after so many stores. */
class MortalProgram {
  stores = 0;
  readonly calls: CoreCalls;
  #killAfter = Number.POSITIVE_INFINITY;

  constructor(victim: Heap) {
    const memory = victim.source as WebAssembly.Memory;
    const slow = (): never => {
      throw new Error("the operation has left the merged path");
    };
    const names = ["malloc", "free", "calloc", "realloc", "aligned_alloc", "memalign", "malloc_usable_size"];
    const imports = {
      env: { memory },
      kmem: Object.fromEntries(names.map((name) => [name, slow])),
      probe: { note: (what: number) => this.#note(what), test: (condition: number) => condition },
    };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(probedCore(MEMORY)), imports);
    if (!bindProgram(victim, exports)) throw new Error("the victim's program is not bound");
    this.calls = exports as unknown as CoreCalls;
  }

  /** Whether it died. */
  dies(killAfter: number, live: (calls: CoreCalls) => void): boolean {
    this.stores = 0;
    this.#killAfter = killAfter;
    try {
      live(this.calls);
      return false;
    } catch (error) {
      if (error instanceof Death) return true;
      throw error;
    }
  }

  #note(what: number): void {
    if (what === Note.LOAD) return;
    this.stores++;
    if (this.stores >= this.#killAfter) throw new Death();
  }
}

/** Kills the victim after each store of each operation of a merged malloc, and has another thread recover. */
export function killInCore(kmem: Kmem): CoreDeaths[] {
  return OPERATIONS.map(({ name, prepare, call }) => {
    const options = { memory: new WebAssembly.Memory({ initial: 17, maximum: 17, shared: true }), start: HEAP_START };
    const operation: Operation = { name, options, prepare, operate: function* () {} };
    const world = new World(kmem, operation);
    const program = new MortalProgram(world.begin().threads.victim);
    const problems: string[] = [];
    for (let storesMade = 1; ; storesMade++) {
      const { prepared } = world.begin();
      const isDead = program.dies(storesMade, (calls) => call(calls, prepared.at ?? []));
      if (!isDead) return { name, stores: program.stores, problems };
      problems.push(...verdictOf(world, world.current).map((one) => `after ${storesMade} stores: ${one}`));
    }
  });
}

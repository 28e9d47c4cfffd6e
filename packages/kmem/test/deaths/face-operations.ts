import { GFP_ATOMIC } from "../../src/gfp/flags.ts";
import { layersOf } from "../../src/heap/access.ts";
import { POOL_MAGIC, PoolWord } from "../../src/kernels/linux/layout.ts";
import type * as LinuxModule from "../../src/kernels/linux/linux.ts";
import type * as PoolModule from "../../src/kernels/linux/pool.ts";
import { WORD_BYTES } from "../../src/memory/layout.ts";
import { OwnerMark, RunKind } from "../../src/pages/layout.ts";
import { call } from "../interleave/call.ts";
import type { ThreadBody } from "../interleave/runtime/virtual-thread.ts";
import { moduleOf, SURVIVOR, VICTIM } from "./modules.ts";
import type { Operation, Threads } from "./world.ts";

type Linux = LinuxModule.Linux;

const SILENT = { print: (): void => {} };
const ELEMENT_BYTES = 64;

function linuxModule(threads: Threads, thread: number): typeof LinuxModule {
  return moduleOf<typeof LinuxModule>(threads, thread, "kernels/linux/linux.ts");
}

function openLinux(threads: Threads, thread: number): Linux {
  return linuxModule(threads, thread).linux(thread === VICTIM ? threads.victim : threads.survivor, SILENT);
}

/** Gives back what the face keeps in the heap. */
function dropLinux({ vm, heap }: Linux): void {
  const { pages, geometry } = layersOf(heap);
  vm.destroy();
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    const isAnchor =
      pages.frames.kind(frame) === RunKind.SYSTEM && pages.frames.owner(frame) === OwnerMark.LINUX_ANCHOR;
    if (isAnchor) pages.freeExclusive(frame, 1);
  }
}

function problemsOf(kernel: Linux): string[] {
  return kernel.check().findings.map(({ problem }) => problem);
}

const ELEMENTS: readonly number[] = [0x1000, 0x2000];

/** What the functions of a pool do once it is made: the allocator has nothing more. */
const exhausted = (): number => 0;
const ignored = (): void => {};

/** The elements in reserve; they stay there. */
function reserveOf(kernel: Linux, pool: number): number[] {
  const elements: number[] = [];
  for (;;) {
    const element = kernel.mempool_alloc(pool, GFP_ATOMIC);
    if (element === 0) break;
    elements.push(element);
  }
  for (const element of elements) kernel.mempool_free(element, pool);
  return elements;
}

/** Works on a pool of two elements, of which so many are in reserve. */
function pooling(
  name: string,
  elementCount: number,
  operate: (kernel: Linux, pool: number, threads: Threads) => ThreadBody,
): Operation {
  let kernel: Linux | undefined;
  return {
    name: `mempool, ${name}`,
    prepare: (threads) => {
      const survivor = openLinux(threads, SURVIVOR);
      kernel = openLinux(threads, VICTIM);
      const elements = ELEMENTS.values();
      const pool = survivor.mempool_create(2, () => elements.next().value ?? 0, ignored, 0);
      for (let index = 2; index > elementCount; index--) survivor.mempool_alloc(pool, GFP_ATOMIC);
      kernel.mempool_open(pool, exhausted, ignored);
      const isThere = (): boolean => {
        const { words } = layersOf(threads.survivor).memory;
        return words[pool / WORD_BYTES + PoolWord.MAGIC] === POOL_MAGIC;
      };
      const check = (): string[] => {
        if (!isThere()) return problemsOf(survivor);
        const elements = reserveOf(survivor, pool);
        const isWhole = new Set(elements).size === elements.length && elements.every((one) => ELEMENTS.includes(one));
        return isWhole ? problemsOf(survivor) : [`the reserve holds ${elements.join()}`];
      };
      return {
        at: [pool],
        check,
        goOn: () => void (isThere() && reserveOf(survivor, pool)),
        cleanUp: () => dropLinux(survivor),
      };
    },
    operate: (threads, { at = [] }) => operate(kernel as Linux, at[0] as number, threads),
  };
}

/** What the faces do in a heap. */
export const FACE_OPERATIONS: readonly Operation[] = [
  {
    name: "linux: bound for the first time",
    prepare: (threads) => {
      const open = (): Linux => openLinux(threads, SURVIVOR);
      return { check: () => problemsOf(open()), goOn: () => void open(), cleanUp: () => dropLinux(open()) };
    },
    operate: (threads) => call(linuxModule(threads, VICTIM), "linux", threads.victim, SILENT),
  },
  pooling("made", 2, (kernel) => call(kernel, "mempool_create_kmalloc_pool", 2, ELEMENT_BYTES)),
  pooling("an element of the reserve", 2, (kernel, pool) => call(kernel, "mempool_alloc", pool, GFP_ATOMIC)),
  pooling("an element comes back", 1, (kernel, pool) => call(kernel, "mempool_free", ELEMENTS[1] as number, pool)),
  pooling("an element is waited for, and comes back", 0, function* (kernel, pool, threads) {
    const { PoolBlock } = moduleOf<typeof PoolModule>(threads, VICTIM, "kernels/linux/pool.ts");
    const layers = layersOf(threads.victim);
    yield* call(new PoolBlock({ memory: layers.memory, layers }, pool), "await");
    yield* call(kernel, "mempool_free", ELEMENTS[0] as number, pool);
  }),
  pooling("the reserve is full", 2, (kernel, pool) => call(kernel, "mempool_free", 0x3000, pool)),
  pooling("ended", 2, function* (kernel, pool) {
    // A binding forgets a pool that it has ended, and the next run is to know it again.
    kernel.mempool_open(pool, exhausted, ignored);
    yield* call(kernel, "mempool_destroy", pool);
  }),
];

import { readFileSync } from "node:fs";
import type { Heap } from "../../src/index.ts";
import * as Kmem from "../../src/index.ts";
import { WORLDS, type World, type WorldName } from "./worlds.ts";

/** A function of the public surface. */
export interface SurfaceFunction {
  /** As the table names it: `Heap.create`, `new LogRing`, `heap.alloc`, `kmem/proc slabinfo`. */
  readonly name: string;
  /** The world that it is called in; for what no object has, any. */
  readonly world: WorldName | undefined;
  /** The function in a world, bound to its object. */
  of(world: World): (...args: unknown[]) => unknown;
}

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  exports: Record<string, string | { types: string }>;
};

/** What is there for the layers and the faces of the library itself, and says so or is protected. */
const INTERNAL: ReadonlySet<string> = new Set([
  "cacheContext",
  "current",
  "leave",
  "ofAttachment",
  "orThrow",
  "pathContext",
  "publish",
  "rebound",
  "requireLeavable",
  "seen",
  "slowFree",
  "slowRealloc",
  "slowTryAlloc",
  "usesFastPath",
  "viewAt",
]);
/** Functions of `kmem` whose first argument is a heap, and the subjects that are heaps: each is tried with each. */
const HEAP_FUNCTIONS: Readonly<Record<string, (heap: Heap, ...args: never[]) => unknown>> = {
  blockAt: Kmem.blockAt,
  blocksOf: Kmem.blocksOf,
  checkHeap: Kmem.checkHeap,
  dumpHeap: Kmem.dumpHeap,
  heapStats: Kmem.heapStats,
  ownerOf: Kmem.ownerOf,
  reapSlot: Kmem.reapSlot,
  repairHeap: Kmem.repairHeap,
  slotStats: Kmem.slotStats,
  transferBlock: Kmem.transferBlock,
  watchWorker: Kmem.watchWorker,
};
/** Those that a heap of one thread has nothing for. */
const OF_THREADS: ReadonlySet<string> = new Set(["reapSlot", "watchWorker"]);
const IN_EVERY_CLASS: ReadonlySet<string> = new Set(["length", "name", "prototype"]);

function isClass(value: unknown): value is new (...args: unknown[]) => object {
  return typeof value === "function" && Function.prototype.toString.call(value).startsWith("class");
}

function fixed(name: string, call: (...args: unknown[]) => unknown): SurfaceFunction {
  return { name, world: undefined, of: () => call };
}

function functionsOfClass(name: string, made: new (...args: unknown[]) => object): SurfaceFunction[] {
  const statics = Object.getOwnPropertyNames(made).filter((key) => {
    return !IN_EVERY_CLASS.has(key) && !INTERNAL.has(key);
  });
  const owner = made as unknown as Record<string, (...args: unknown[]) => unknown>;
  return [
    fixed(`new ${name}`, (...args) => new made(...args)),
    ...statics.map((key) => fixed(`${name}.${key}`, (...args) => owner[key]!(...args))),
  ];
}

/** The names of all functions and getters that an object has, its classes' included. */
export function membersOf(subject: object): { readonly functions: string[]; readonly getters: string[] } {
  const functions = new Set<string>();
  const getters = new Set<string>();
  for (let from = subject; from !== null && from !== Object.prototype; from = Object.getPrototypeOf(from) as object) {
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
      if (key === "constructor" || INTERNAL.has(key)) continue;
      if (property.get !== undefined) getters.add(key);
      else if (typeof property.value === "function") functions.add(key);
    }
  }
  return { functions: [...functions], getters: [...getters] };
}

/** Every function that can be reached from the sub-paths of the package: a new one is among them by itself. */
export async function publicSurface(): Promise<SurfaceFunction[]> {
  const all = new Map<string, SurfaceFunction>();
  const add = (one: SurfaceFunction): void => void all.set(one.name, one);
  for (const [subPath, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue;
    const file = target.types.replace("./dist/", "../../src/").replace(/\.d\.ts$/, ".ts");
    const module = (await import(new URL(file, import.meta.url).href)) as Record<string, unknown>;
    for (const [key, value] of Object.entries(module)) {
      if (isClass(value)) for (const one of functionsOfClass(key, value)) add(one);
      else if (typeof value === "function") {
        add(fixed(`kmem${subPath.slice(1)} ${key}`, value as (...args: unknown[]) => unknown));
      }
    }
  }
  for (const [name, make] of Object.entries(WORLDS)) {
    for (const [subjectName, subject] of Object.entries(make().subjects)) {
      for (const key of membersOf(subject).functions) {
        const of = (world: World): ((...args: unknown[]) => unknown) => {
          const target = world.subjects[subjectName] as Record<string, (...args: unknown[]) => unknown>;
          return (...args) => target[key]!(...args);
        };
        add({ name: `${subjectName}.${key}`, world: name as WorldName, of });
      }
      const isLocal = subject instanceof Kmem.LocalHeap;
      if (!(subject instanceof Kmem.Heap || isLocal)) continue;
      for (const [key, call] of Object.entries(HEAP_FUNCTIONS)) {
        if (isLocal && OF_THREADS.has(key)) continue;
        const of = (world: World): ((...args: unknown[]) => unknown) => {
          const heap = world.subjects[subjectName] as Heap;
          return (...args) => call(heap, ...(args as never[]));
        };
        add({ name: `${key} ${subjectName}`, world: name as WorldName, of });
      }
    }
  }
  return [...all.values()];
}

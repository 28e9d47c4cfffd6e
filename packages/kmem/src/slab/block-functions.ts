import { KmemError } from "../memory/errors.ts";
import type { CacheTable } from "./cache-table.ts";

/** What runs for each block of a slab: once when the slab is made, once before it is released. Of one thread. */
export interface BlockFunctions {
  readonly construct?: ((address: number) => void) | undefined;
  readonly destruct?: ((address: number) => void) | undefined;
}

/** Functions, and the name of the cache that they were registered for: its kind may be another cache's by now. */
interface Registered extends BlockFunctions {
  readonly name: string;
}

/** The functions that one thread has named for caches: they cannot lie in the buffer. */
export class FunctionTable {
  readonly #caches: CacheTable;
  readonly #functions = new Map<number, Registered>();

  constructor(caches: CacheTable) {
    this.#caches = caches;
  }

  /** Names the functions that this thread runs for the blocks of a cache. */
  register(kind: number, functions: BlockFunctions): void {
    this.#functions.set(kind, { ...functions, name: this.#caches.name(kind) });
  }

  /** Forgets the functions of a cache that is destroyed. */
  forget(kind: number): void {
    this.#functions.delete(kind);
  }

  /** The functions of a cache, if this thread has named some. */
  of(kind: number): BlockFunctions | undefined {
    return this.#functions.get(kind);
  }

  /** Whether this thread has the functions that the slabs of a cache need. */
  areThere(kind: number): boolean {
    if (!this.#caches.hasFunctions(kind)) return true;
    return this.#functions.get(kind)?.name === this.#caches.name(kind);
  }

  /** Throws NO_CONSTRUCTOR unless this thread has the functions that the slabs of a cache need. */
  require(kind: number): void {
    if (this.areThere(kind)) return;
    const name = this.#caches.name(kind);
    throw new KmemError("NO_CONSTRUCTOR", `the cache "${name}" has functions that this thread has not registered`, {
      name,
    });
  }
}

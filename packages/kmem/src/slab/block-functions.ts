import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { UserCalls } from "../memory/user-calls.ts";
import type { CacheTable } from "./cache-table.ts";

type BlockFunction = (address: number) => void;

/** What runs for each block of a slab: once when the slab is made, once before it is released. Of one thread. */
export interface BlockFunctions {
  /** Runs for each block when its slab is made. */
  readonly construct?: ((address: number) => void) | undefined;
  /** Runs for each block before its slab is released. */
  readonly destruct?: ((address: number) => void) | undefined;
}

/** Functions, and the name of the cache that they were registered for: its kind may be another cache's by now. */
interface Registered extends BlockFunctions {
  readonly name: string;
}

/** Blocks of a slab: the first one's address, how many follow each other, and the bytes from one to the next. */
export interface BlockSpan {
  readonly first: number;
  readonly count: number;
  readonly strideBytes: number;
}

/**
 * How deep a cache's functions may come to need slabs of their own cache, or release them: a constructor that takes an
 * object of its cache each time would run until the stack is at its end, in the middle of anything.
 */
const NESTING_MAX = 16;

/** The functions that one thread has named for caches: they cannot lie in the buffer. */
export class FunctionTable {
  readonly #caches: CacheTable;
  readonly #functions = new Map<number, Registered>();
  readonly #running = new Map<number, number>();
  /** The functions of the user's that this thread is in: these, and those that the layers above call. */
  readonly userCalls: UserCalls;

  constructor(caches: CacheTable, memory: LinearMemory) {
    this.#caches = caches;
    this.userCalls = new UserCalls(memory);
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

  /** How many slabs of a cache this thread is running functions for right now, one inside of the other. */
  nesting(kind: number): number {
    return this.#running.get(kind) ?? 0;
  }

  /** Throws CACHE_BUSY while this thread runs functions of a cache, `nestingMax` of them at least inside each other. */
  requireIdle(kind: number, nestingMax = 1): void {
    if (this.nesting(kind) < nestingMax) return;
    const name = this.#caches.name(kind);
    const text = `the cache "${name}" is busy: this thread is in its constructor or destructor`;
    throw new KmemError("CACHE_BUSY", text, { name });
  }

  /**
   * Runs the constructor for the blocks of a new slab. Where it throws, the destructor runs for those that were
   * constructed, and what the constructor threw is thrown on.
   */
  constructAll(kind: number, span: BlockSpan): void {
    const { construct, destruct } = this.of(kind) ?? {};
    if (construct === undefined) return;
    this.requireIdle(kind, NESTING_MAX);
    this.#within(kind, () => {
      let constructed = 0;
      const errors = new FirstError();
      errors.run(() => {
        for (; constructed < span.count; constructed++) construct(span.first + constructed * span.strideBytes);
      });
      if (constructed < span.count && destruct !== undefined)
        destroySpan({ ...span, count: constructed }, destruct, errors);
      errors.rethrow();
    });
  }

  /** Runs the destructor for all blocks of a slab that is released, whatever it throws: `errors` keeps that. */
  destructAll(kind: number, span: BlockSpan, errors: FirstError): void {
    const destruct = this.of(kind)?.destruct;
    if (destruct !== undefined) this.#within(kind, () => destroySpan(span, destruct, errors));
  }

  #within(kind: number, action: () => void): void {
    const before = this.nesting(kind);
    this.#running.set(kind, before + 1);
    try {
      this.userCalls.within(action);
    } finally {
      this.#running.set(kind, before);
    }
  }

  /** Whether this thread has the functions that the slabs of a cache need. */
  hasRequired(kind: number): boolean {
    if (!this.#caches.hasConstructorOrDestructor(kind)) return true;
    return this.#functions.get(kind)?.name === this.#caches.name(kind);
  }

  /** Throws NO_CONSTRUCTOR unless this thread has the functions that the slabs of a cache need. */
  require(kind: number): void {
    if (this.hasRequired(kind)) return;
    const name = this.#caches.name(kind);
    throw new KmemError("NO_CONSTRUCTOR", `the cache "${name}" has functions that this thread has not registered`, {
      name,
    });
  }
}

function destroySpan({ first, count, strideBytes }: BlockSpan, destruct: BlockFunction, errors: FirstError): void {
  for (let block = 0; block < count; block++) errors.run(() => destruct(first + block * strideBytes));
}

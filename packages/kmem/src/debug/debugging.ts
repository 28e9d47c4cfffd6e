import type { Layers } from "../kmalloc/layers.ts";
import type { Shrinker } from "../kmalloc/shrinkers.ts";
import { FirstError, forAll } from "../memory/first-error.ts";
import { FrameKind, KIND_COUNT, RunKind } from "../pages/layout.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import { DebugBlocks } from "./debug-blocks.ts";
import { DebugLetters } from "./debug-letters.ts";
import { StackDepot } from "./depot.ts";
import { FaultInjection, type FaultOptions } from "./fault-injection.ts";
import { type DebugSettings, LARGE_NAME } from "./findings.ts";
import { CONSTRUCTED, DebugLetter } from "./layout.ts";
import { type Located, objectAddress } from "./locate-object.ts";
import { type Evicted, Quarantine, type QuarantineLimits } from "./quarantine.ts";
import { DebugRoot } from "./root.ts";

/** How a thread debugs, beside what is reported. */
export interface DebuggingOptions extends DebugSettings {
  readonly quarantine: QuarantineLimits;
  readonly randomReuse: boolean;
  readonly zeroOnAlloc: boolean;
  readonly zeroOnFree: boolean;
  readonly faults: FaultOptions | undefined;
}

const RANDOM_RANGE = 2 ** 32;

/** What one thread has of a debugged heap; all its `DebugHeap` objects share it. */
export class Debugging {
  readonly root: DebugRoot;
  readonly depot: StackDepot;
  readonly blocks: DebugBlocks;
  readonly quarantine: Quarantine;
  readonly options: DebuggingOptions;
  /** The letters of caches that are made from now on. */
  readonly letters: DebugLetters;
  readonly #layers: Layers;
  readonly #releases = new Set<(address: number) => void>();
  #faults: FaultInjection | undefined;

  constructor(layers: Layers, root: DebugRoot, options: DebuggingOptions) {
    this.#layers = layers;
    this.root = root;
    this.options = options;
    this.letters = DebugLetters.parse(root.text);
    this.depot = new StackDepot(layers, root);
    this.blocks = new DebugBlocks(layers, root, this.depot, options);
    this.quarantine = new Quarantine(options.quarantine, options.randomReuse ? strongRandom : undefined);
    this.setFaults(options.faults);
    this.#formatClasses();
  }

  /** Makes the root of a new heap. Undefined without pages for it. */
  static createRoot(layers: Layers, text: string): DebugRoot | undefined {
    const { caches } = layers;
    const letters = DebugLetters.parse(text);
    return DebugRoot.create(layers, text, (kind) => {
      if (kind === RunKind.LARGE_BLOCK) return letters.of(LARGE_NAME);
      const isClass = kind >= FrameKind.FIRST_CACHE && kind < FrameKind.FIRST_CACHE + CLASS_COUNT;
      return isClass ? letters.of(caches.name(kind)) : 0;
    });
  }

  /** Which allocations of this thread are to fail from now on; undefined for none. */
  setFaults(options: FaultOptions | undefined): void {
    this.#faults = options === undefined ? undefined : new FaultInjection(options, () => this.#isAnyMarked());
  }

  /** Allocations of this thread that have been made to fail since they were last chosen. */
  get failedCount(): number {
    return this.#faults?.failedCount ?? 0;
  }

  /** Whether an allocation is to fail. */
  fails(kind: number, sizeBytes: number): boolean {
    if (this.#faults === undefined) return false;
    const isMarked = (this.root.letters(kind) & DebugLetter.A) !== 0;
    return this.#faults.fails({ cache: this.blocks.cacheName(kind), sizeBytes, isMarked });
  }

  /** Clears bytes that an object has just got, where that is wished and no constructor has made them what they are. */
  clearNew(kind: number, from: number, to: number): void {
    const isConstructed = (this.root.letters(kind) & CONSTRUCTED) !== 0;
    if (this.options.zeroOnAlloc && !isConstructed) this.#layers.memory.bytes.fill(0, from, to);
  }

  /** Puts an object that was just freed into the quarantine; others may leave it, as {@link expel} says. */
  quarantineFreed(freed: Located, entryFunction: unknown): void {
    this.#clearFreed(freed);
    this.expel(this.quarantine.put(freed), entryFunction);
  }

  /** Clears an object that was just freed, where that is wished and it is neither poisoned nor constructed. */
  #clearFreed(located: Located): void {
    const { kind, sizeBytes } = located.record;
    const isKept = (this.root.letters(kind) & (DebugLetter.P | CONSTRUCTED)) !== 0;
    const address = objectAddress(located);
    if (this.options.zeroOnFree && !isKept) this.#layers.memory.bytes.fill(0, address, address + sizeBytes);
  }

  /**
   * Gives evicted blocks back to the layers below. One whose corruption is to throw goes back into the quarantine: the
   * first such error is thrown once all others have left.
   */
  expel(evicted: readonly Evicted[], entryFunction: unknown): void {
    if (evicted.length === 0) return;
    forAll(evicted, (one) => {
      try {
        this.blocks.leaveQuarantine(one, entryFunction);
      } catch (error) {
        this.quarantine.putBack(one);
        throw error;
      }
      this.release(one.block.address);
    });
  }

  /** Ends the quarantine of all blocks, as {@link expel}. */
  emptyQuarantine(entryFunction: unknown): void {
    this.expel(this.quarantine.drain(), entryFunction);
  }

  /**
   * The same before the slot is given back: blocks whose corruption is thrown, too, are free and whole after it.
   * Throws the first error at the end.
   */
  surrenderQuarantine(entryFunction: unknown): void {
    const errors = new FirstError();
    errors.run(() => this.emptyQuarantine(entryFunction));
    for (const one of this.quarantine.drain()) {
      errors.run(() => {
        this.blocks.leaveUnverified(one);
        this.release(one.block.address);
      });
    }
    errors.rethrow();
  }

  /** What lies in quarantine is free memory, when there is no other. */
  shrinker(): Shrinker {
    return {
      name: "quarantine",
      count: () => this.quarantine.count,
      scan: () => {
        const before = this.quarantine.count;
        this.emptyQuarantine(undefined);
        return before - this.quarantine.count;
      },
    };
  }

  /** Adds a way to give blocks back to the layers below, of one of the thread's `DebugHeap` objects; see {@link release}. */
  addRelease(release: (address: number) => void): () => void {
    this.#releases.add(release);
    return () => this.#releases.delete(release);
  }

  /** Gives a block back to the layers below, by any of the thread's objects that is not detached. */
  release(address: number): void {
    const [release] = this.#releases;
    release?.(address);
  }

  /** A cache that is yet to be made counts too, where the heap's letters mark it. */
  #isAnyMarked(): boolean {
    if (this.letters.mentions(DebugLetter.A)) return true;
    const kinds = Array.from({ length: KIND_COUNT }, (_, kind) => kind);
    return kinds.some((kind) => (this.root.letters(kind) & DebugLetter.A) !== 0);
  }

  /** Every block of a size class has a record from the moment on at which its slab is made. */
  #formatClasses(): void {
    const { slabs, caches } = this.#layers;
    for (let kind: number = FrameKind.FIRST_CACHE; kind < FrameKind.FIRST_CACHE + CLASS_COUNT; kind++) {
      const bytes = caches.blockBytes(kind);
      const padBytes = DebugBlocks.padBytes(1);
      if (bytes < DebugBlocks.overheadBytes(padBytes)) continue;
      slabs.functions.register(kind, {
        construct: (address) => this.blocks.format({ address, bytes }, kind, padBytes),
      });
    }
  }
}

/** From 0 on below 1, where there is a source of such numbers that nobody can foresee. */
function strongRandom(): number {
  const { crypto } = globalThis as { crypto?: { getRandomValues(array: Uint32Array): Uint32Array } };
  const [value = 0] = crypto === undefined ? [] : crypto.getRandomValues(new Uint32Array(1));
  return crypto === undefined ? Math.random() : value / RANDOM_RANGE;
}

import {
  type AllocationSite,
  allocationSites,
  type LeakContext,
  type LiveObject,
  liveObjects,
  sitesText,
} from "./leaks.ts";

/**
 * A stretch of one thread's work in which all that it allocates should be freed again: `using scope = heap.scope()`.
 * At its end, what is still live is printed.
 */
export class AllocationScope {
  readonly #context: LeakContext;
  readonly #slot: number;
  readonly #first: number;
  readonly #print: (message: string) => void;
  #last = Number.POSITIVE_INFINITY;
  /** The name that its report begins with. */
  readonly name: string;

  /** Begun by `heap.scope(name)`, which is the way in. */
  constructor(context: LeakContext, slot: number, name: string, print: (message: string) => void) {
    this.#context = context;
    this.#slot = slot;
    this.#print = print;
    this.name = name;
    // A former thread of the slot may have left objects, whose numbers are none of this one's.
    for (const { slot: owner, sequence } of liveObjects(context)) {
      if (owner === slot) context.blocks.raiseSequence(sequence);
    }
    this.#first = context.blocks.sequence + 1;
  }

  /** Live objects that this thread has allocated since the scope began, and until it ended. O(heap). */
  objects(): LiveObject[] {
    const isInside = ({ slot, sequence }: LiveObject): boolean =>
      slot === this.#slot && sequence >= this.#first && sequence <= this.#last;
    return [...liveObjects(this.#context)].filter(isInside);
  }

  /** The same by the place where they were allocated. O(heap). */
  leaks(): AllocationSite[] {
    return allocationSites(this.objects());
  }

  /** Ends the scope at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Ends the scope, and prints what was not freed, if anything. */
  dispose(): void {
    if (this.#last !== Number.POSITIVE_INFINITY) return;
    this.#last = this.#context.blocks.sequence;
    const sites = this.leaks();
    if (sites.length > 0) this.#print(`scope ${this.name}: not freed at its end\n${sitesText(sites)}`);
  }
}

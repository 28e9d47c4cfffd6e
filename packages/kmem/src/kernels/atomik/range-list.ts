import { PAGE_SIZE } from "../../memory/layout.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import { CriticalSection } from "../../sync/critical-section.ts";
import type { IsGone } from "../../sync/lock.ts";
import { RangeHeader } from "./layout.ts";
import { planRange, Range } from "./range.ts";

/** Why a range was not registered. */
export type RangeRefusal = "small" | "overlap" | "foreign" | "entered" | "damaged";

/** The part of a range's header that the critical section works on. */
const OWNERS_BYTES: number = RangeHeader.OWNERS * Int32Array.BYTES_PER_ELEMENT;
const LOCK_BYTES: number = RangeHeader.LOCK * Int32Array.BYTES_PER_ELEMENT;

/**
 * The list of all ranges in the order of their registration, as one thread sees it. What it holds besides views is the
 * address of the list's root. Everything but `register` is for who is inside the critical section.
 */
export class RangeList {
  readonly #memory: LinearMemory;
  /** The ranges opened so far, by address: views over headers that are verified at each use. */
  readonly #opened: Map<number, Range> = new Map();
  #root: Range | undefined;
  readonly #isGone: IsGone | undefined;
  #section: CriticalSection | undefined;
  #owner = 0;

  /** `isGone` is asked with an {@link owner} of another thread's list. */
  constructor(memory: LinearMemory, isGone?: IsGone) {
    this.#memory = memory;
    this.#isGone = isGone;
  }

  /** The number of this list in the lock of the critical section; 0 until it is joined. */
  get owner(): number {
    return this.#owner;
  }

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  /** Goes into the critical section of the list; false where that is refused. Waits for other threads. */
  enter(): boolean {
    this.#memory.refresh();
    return this.#section?.enter() ?? true;
  }

  leave(): void {
    this.#section?.leave();
  }

  /** The first range, or the one after `range`; undefined at the end, and where a header is damaged. */
  next(range?: Range): Range | undefined {
    if (range === undefined) return this.#root?.isWhole() ? this.#root : undefined;
    const address = range.get(RangeHeader.NEXT);
    return address === 0 ? undefined : this.#open(address);
  }

  /** The range that the byte lies in. O(ranges). */
  holding(address: number): Range | undefined {
    let range = this.next();
    while (range !== undefined && !range.holds(address)) range = this.next(range);
    return range;
  }

  /** The address of a range whose header is damaged, which the list leads to; 0 while all are whole. */
  damaged(): number {
    const root = this.#root;
    if (root === undefined) return 0;
    if (!root.isWhole()) return root.address;
    let range: Range = root;
    for (;;) {
      const address = range.get(RangeHeader.NEXT);
      if (address === 0) return 0;
      const next = this.#open(address);
      if (next === undefined) return address;
      range = next;
    }
  }

  /**
   * Registers the pages between two bytes, both included, at the end of the list. A range that is there already with
   * the same bounds is opened as it is: that is how another thread joins the list. Changes nothing when it refuses.
   */
  register(start: number, end: number): Range | RangeRefusal {
    this.#memory.refresh();
    const geometry = planRange(start, end);
    if (geometry === undefined) return "small";
    const first = geometry.baseFrame * PAGE_SIZE;
    const last = geometry.limitFrame * PAGE_SIZE - 1;
    if (this.#root === undefined) {
      const existing = Range.open(this.#memory, first);
      if (existing !== undefined && existing.end !== last) return "overlap";
      const root = existing === undefined ? Range.create(this.#memory, geometry, 0) : this.#rootOf(existing);
      if (root === undefined) return "damaged";
      this.#adopt(root);
    }
    if (!this.enter()) return "entered";
    try {
      if (this.damaged() !== 0) return "damaged";
      let tail = this.next();
      for (let range = tail; range !== undefined; range = this.next(range)) {
        if (range.address === first && range.end === last) return range;
        if (range.overlaps(first, last)) return "overlap";
        tail = range;
      }
      const root = this.#root?.address ?? 0;
      const stray = Range.open(this.#memory, first);
      // One of this list that is not in it was being made by a thread that died.
      if (tail === undefined || (stray !== undefined && stray.get(RangeHeader.ROOT) !== root)) return "foreign";
      const range = Range.create(this.#memory, geometry, root);
      tail.set(RangeHeader.NEXT, range.address);
      return range;
    } finally {
      this.leave();
    }
  }

  #rootOf(range: Range): Range | undefined {
    return Range.open(this.#memory, range.get(RangeHeader.ROOT));
  }

  /** Makes this thread an owner of the critical section of the root's list. */
  #adopt(root: Range): void {
    const { words } = this.#memory;
    const owners = (root.address + OWNERS_BYTES) / Int32Array.BYTES_PER_ELEMENT;
    this.#root = root;
    this.#owner = Atomics.add(words, owners, 1) + 1;
    const ownerCount = (): number => Atomics.load(words, owners);
    const occupant = { owner: this.#owner, ownerCount, repair: () => this.#repair() };
    const isGone = this.#isGone;
    this.#section = new CriticalSection(
      this.#memory,
      root.address + LOCK_BYTES,
      isGone === undefined ? occupant : { ...occupant, isGone },
    );
  }

  /** The owner that was inside may have been at work on any range. */
  #repair(): void {
    for (let range = this.next(); range !== undefined; range = this.next(range)) range.repair();
  }

  #open(address: number): Range | undefined {
    const known = this.#opened.get(address);
    if (known !== undefined) return known.isWhole() ? known : undefined;
    const range = Range.open(this.#memory, address);
    if (range !== undefined) this.#opened.set(address, range);
    return range;
  }
}

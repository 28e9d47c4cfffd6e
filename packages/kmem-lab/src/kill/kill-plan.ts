import { performance } from "node:perf_hooks";
import type { ReapOptions } from "kmem";
import { below, nextRandom } from "../threads/work/random.ts";

/** How and when a victim dies, and what becomes of its allocations. */
export interface KillPlan {
  /** What to wait for before the delay: nothing, the thread in its attach, or at its work. */
  readonly waitFor: (typeof WAIT_POINTS)[number];
  /** From so short that it is still in the same operation to long enough to hold all that it may. */
  readonly delayMs: number;
  /** Operations after which it detaches. */
  readonly detachAfter: number;
  readonly blocks: NonNullable<ReapOptions["blocks"]>;
}

const MODES = ["free", "give", "keep"] as const;
const LONGEST_MS: readonly number[] = [0, 0.2, 1, 4, 10];
/** As often as they stand here. */
const WAIT_POINTS = ["start", "attach", "attach", "work", "work", "work", "work", "work", "work"] as const;
const DETACH_SHARE = 5;
const DETACH_LIMIT = 400;
const FRACTIONS = 1024;

/** Delays below this are spent spinning: a timer is not that exact. */
const SPIN_MS = 2;

/** Draws kill plans from a sequence of random numbers. */
export class KillPlanner {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  next(): KillPlan {
    const longest = LONGEST_MS[this.below(LONGEST_MS.length)]!;
    const isLeaving = this.below(DETACH_SHARE) === 0;
    return {
      waitFor: WAIT_POINTS[this.below(WAIT_POINTS.length)]!,
      delayMs: (longest * this.below(FRACTIONS)) / FRACTIONS,
      detachAfter: isLeaving ? this.below(DETACH_LIMIT) : Number.POSITIVE_INFINITY,
      blocks: MODES[this.below(MODES.length)]!,
    };
  }

  below(limit: number): number {
    this.#state = nextRandom(this.#state);
    return below(this.#state, limit);
  }
}

/** Waits for so long: short times exactly; 0 lets events come. */
export async function pause(delayMs: number): Promise<void> {
  if (delayMs === 0) return new Promise((resolve) => setImmediate(resolve));
  if (delayMs >= SPIN_MS) return new Promise((resolve) => setTimeout(resolve, delayMs));
  const untilMs = performance.now() + delayMs;
  while (performance.now() < untilMs);
}

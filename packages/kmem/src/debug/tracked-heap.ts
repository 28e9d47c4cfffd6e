import { viewedLayers } from "../heap/access.ts";
import { Heap } from "../heap/heap.ts";
import { requireText } from "../memory/arguments.ts";
import { parseStack } from "../profile/parse-stack.ts";
import type { AllocationProfile } from "../profile/profile.ts";
import type { Debugging } from "./debugging.ts";
import type { FaultOptions } from "./fault-injection.ts";
import { type AllocationSite, type LeakContext, type LeakFilter, type LiveObject, leakSites } from "./leaks.ts";
import { type ScanOptions, scanForLeaks } from "./scan.ts";
import { AllocationScope } from "./scope.ts";

/** What a debugged heap knows of who allocated its objects, and which allocations are to fail. */
export abstract class TrackedHeap extends Heap {
  /** @internal */
  protected abstract get debugging(): Debugging;

  /** Live objects by the place where they were allocated, those with the most bytes first. O(heap). */
  leaks(filter: LeakFilter = {}): AllocationSite[] {
    return leakSites(this.#leakContext(), filter);
  }

  /**
   * All that was ever allocated, by places, with the letter U: for the writers of `kmem/profile`. All threads together.
   * O(heap).
   */
  profile(): AllocationProfile {
    const { depot, root } = this.debugging;
    const live = new Map(this.leaks().map((site) => [site.stack, site]));
    // Frees have stacks as well.
    const allocating = [...depot.all()].filter(({ allocCount }) => allocCount > 0);
    const samples = allocating.map(({ stack, allocCount, allocBytes }) => {
      const { blocks: liveCount = 0, bytes: liveBytes = 0 } = live.get(stack) ?? {};
      return { stack: parseStack(stack), allocCount, allocBytes, liveCount, liveBytes };
    });
    return {
      samples,
      startedAtMs: root.epochMs,
      durationMs: Math.max(0, (root.dumpedMs ?? Date.now()) - root.epochMs),
    };
  }

  /** The stack that an id of a record or of a traced call site stands for; empty where it stands for none. */
  stackOf(id: number): string {
    return this.debugging.depot.textOf(id);
  }

  /** Live objects that nothing leads to from the roots that are named: see {@link ScanOptions}. O(bytes). */
  scanForLeaks(options: ScanOptions): LiveObject[] {
    return scanForLeaks(this.#leakContext(), options);
  }

  /** From now on until its end lists what this thread allocates and does not free: `using scope = heap.scope()`. */
  scope(name = "of the heap"): AllocationScope {
    requireText("name", name);
    return new AllocationScope(this.#leakContext(), this.slot, name, this.debugging.options.print);
  }

  #leakContext(): LeakContext {
    const { blocks, depot } = this.debugging;
    return { layers: viewedLayers(this), blocks, depot };
  }

  /** Which allocations of this thread are to fail from now on; undefined for none. */
  injectFaults(options: FaultOptions | undefined): void {
    this.current();
    this.debugging.setFaults(options);
  }

  /** Allocations that have been made to fail since {@link injectFaults}. */
  get failedCount(): number {
    return this.debugging.failedCount;
  }
}

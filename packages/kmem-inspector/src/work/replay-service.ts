import type { AllocatorName } from "../trace/allocators.ts";
import { type Occupancy, Replay, type ReplayCourse, type ReplayPlan } from "../trace/replay.ts";

/** Replays a trace on one allocator; in a worker of its own. */
export class ReplayService {
  #replay: Replay | undefined;

  open(allocator: AllocatorName, plan: ReplayPlan): ReplayCourse {
    this.#replay = new Replay(allocator, plan);
    return this.#replay.course();
  }

  occupancy(event: number): Occupancy {
    return this.#opened.occupancyAt(event);
  }

  dump(event: number): Uint8Array | undefined {
    return this.#opened.dumpAt(event);
  }

  get #opened(): Replay {
    if (this.#replay === undefined) throw new Error("no trace is open");
    return this.#replay;
  }
}

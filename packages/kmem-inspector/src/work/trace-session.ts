import type { FilePlace } from "../sources/opened-file.ts";
import type { AllocatorName } from "../trace/allocators.ts";
import type { ReplayCourse, ReplayPlan } from "../trace/replay.ts";
import type { ReplayService } from "./replay-service.ts";
import type { Remote, RemoteWorker } from "./rpc.ts";
import type { TraceOutline, TraceService } from "./trace-service.ts";
import { replayWorker, traceWorker } from "./workers.ts";

/** A trace on an allocator: its course, and the worker that can bring it to any event. */
export interface ReplaySession {
  readonly allocator: AllocatorName;
  readonly course: ReplayCourse;
  readonly calls: Remote<ReplayService>;
}

/** A trace that is shown: what is known of it, and the workers that know more. */
export class TraceSession {
  readonly place: FilePlace;
  readonly outline: TraceOutline;
  readonly #worker: RemoteWorker<TraceService>;
  readonly #replays = new Map<
    AllocatorName,
    { worker: RemoteWorker<ReplayService>; session: Promise<ReplaySession> }
  >();
  #plan: Promise<ReplayPlan> | undefined;

  private constructor(place: FilePlace, outline: TraceOutline, worker: RemoteWorker<TraceService>) {
    this.place = place;
    this.outline = outline;
    this.#worker = worker;
  }

  /** Reads a trace. Throws the worker's error for what is none. */
  static async open(place: FilePlace): Promise<TraceSession> {
    const worker = traceWorker();
    try {
      return new TraceSession(place, await worker.calls.open(place), worker);
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /** What the trace's worker answers. */
  get calls(): Remote<TraceService> {
    return this.#worker.calls;
  }

  /** Replays the trace on an allocator; once each. */
  replay(allocator: AllocatorName): Promise<ReplaySession> {
    const known = this.#replays.get(allocator);
    if (known !== undefined) return known.session;
    const worker = replayWorker();
    const session = this.#start(allocator, worker);
    this.#replays.set(allocator, { worker, session });
    return session;
  }

  async #start(allocator: AllocatorName, worker: RemoteWorker<ReplayService>): Promise<ReplaySession> {
    this.#plan ??= this.calls.plan();
    const course = await worker.calls.open(allocator, await this.#plan);
    return { allocator, course, calls: worker.calls };
  }

  /** Ends the workers. */
  close(): void {
    this.#worker.end();
    for (const { worker } of this.#replays.values()) worker.end();
  }
}

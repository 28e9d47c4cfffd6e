import type { DumpService } from "./dump-service.ts";
import type { FiguresService } from "./figures-service.ts";
import type { ReplayService } from "./replay-service.ts";
import { RemoteWorker } from "./rpc.ts";
import type { TraceService } from "./trace-service.ts";

/** Starts a worker that looks into dumps. */
export function dumpWorker(): RemoteWorker<DumpService> {
  return new RemoteWorker(new Worker(new URL("./dump-worker.ts", import.meta.url), { type: "module" }));
}

/** Starts a worker that makes the figures of dumps. */
export function figuresWorker(): RemoteWorker<FiguresService> {
  return new RemoteWorker(new Worker(new URL("./figures-worker.ts", import.meta.url), { type: "module" }));
}

/** Starts a worker that reads traces. */
export function traceWorker(): RemoteWorker<TraceService> {
  return new RemoteWorker(new Worker(new URL("./trace-worker.ts", import.meta.url), { type: "module" }));
}

/** Starts a worker that replays a trace on an allocator. */
export function replayWorker(): RemoteWorker<ReplayService> {
  return new RemoteWorker(new Worker(new URL("./replay-worker.ts", import.meta.url), { type: "module" }));
}

import type { FilePlace } from "../sources/opened-file.ts";
import { DumpSession } from "./dump-session.ts";
import { TraceSession } from "./trace-session.ts";
import { dumpWorker } from "./workers.ts";

/** Opens a file as what it is by its first bytes. Throws the worker's error for what cannot be read. */
export async function openFile(place: FilePlace): Promise<DumpSession | TraceSession> {
  const worker = dumpWorker();
  try {
    if ((await worker.calls.sortOf(place)) === "dump") return await DumpSession.open(place, worker);
  } catch (error) {
    worker.end();
    throw error;
  }
  worker.end();
  return TraceSession.open(place);
}

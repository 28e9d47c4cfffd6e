import type { FilePlace } from "../sources/opened-file.ts";
import { DumpSession } from "./dump-session.ts";
import { TraceSession } from "./trace-session.ts";
import { dumpWorker } from "./workers.ts";

/** Opens a file as what it is by its first bytes; a dump with the WebAssembly module of its program, if there is one. Throws the worker's error for what cannot be read. */
export async function openFile(place: FilePlace, program?: FilePlace): Promise<DumpSession | TraceSession> {
  const worker = dumpWorker();
  try {
    const session = await DumpSession.openIfDump(place, program, worker);
    if (session !== undefined) return session;
  } catch (error) {
    worker.end();
    throw error;
  }
  worker.end();
  return TraceSession.open(place);
}

import type { FilePlace } from "../sources/opened-file.ts";
import type { FileSort } from "./dump-service.ts";
import { dumpWorker } from "./workers.ts";

/** Says what a file is, by its first bytes. */
export async function sortOfFile(place: FilePlace): Promise<FileSort> {
  const worker = dumpWorker();
  try {
    return await worker.calls.sortOf(place);
  } finally {
    worker.end();
  }
}

// A thread of the test of the critical section: joins the list of ranges and allocates and frees pages.
import { parentPort, workerData } from "node:worker_threads";
import { atomik, LogRing, PAGE_SIZE } from "../../../src/kernels/atomik/atomik.ts";
import { Random } from "../../support/random.ts";

/** What a thread is told, and what it answers when it is done. */
export interface PageWork {
  readonly memory: SharedArrayBuffer;
  readonly start: number;
  readonly end: number;
  readonly rounds: number;
  readonly mark: number;
}
export interface PageWorkDone {
  /** Pages in which another thread's mark was found, calls that failed, and messages. */
  readonly faults: readonly string[];
  readonly allocations: number;
}

const { memory, start, end, rounds, mark } = workerData as PageWork;
const log = new LogRing();
const kernel = atomik(memory, log);
const words = new Int32Array(memory);
const random = new Random(mark);
const faults: string[] = [];
const live: { page: number; count: number }[] = [];
let allocations = 0;

function freeOne(): void {
  const [part] = live.splice(random.below(live.length), 1);
  if (part === undefined) return;
  for (let at = part.page; at < part.page + part.count * PAGE_SIZE; at += PAGE_SIZE) {
    if (words[at / 4] !== mark) faults.push(`page ${at} has the mark ${words[at / 4]}`);
  }
  if (kernel.page_free(part.page, part.count) !== 0) faults.push(`page_free of ${part.count} at ${part.page}`);
}

kernel.mm_register_region(start, end);
for (let round = 0; round < rounds; round++) {
  if (live.length > 8 || random.below(2) === 0) freeOne();
  const count = 1 + random.below(6);
  const page = kernel.page_alloc(count);
  if (page === 0) continue;
  allocations++;
  for (let at = page; at < page + count * PAGE_SIZE; at += PAGE_SIZE) words[at / 4] = mark;
  live.push({ page, count });
}
while (live.length > 0) freeOne();
parentPort?.postMessage({ faults: [...faults, ...log.messages()], allocations } satisfies PageWorkDone);

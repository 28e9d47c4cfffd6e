import { writeSync } from "node:fs";
import process, { argv, stdout } from "node:process";
import type { ThreadJob } from "./jobs.ts";
import { runThreads } from "./run-threads.ts";
import type { ThreadHeapModule } from "./thread-heap.ts";

// The process of a contender written in JavaScript: as src/replay/heap-process.ts, but with threads. It ends at once
// when it has its result, since threads that a fault has left behind would wait for ever.

const [moduleUrl, jobText] = argv.slice(2) as [string, string];
const module = (await import(moduleUrl)) as ThreadHeapModule;
const result = await runThreads(moduleUrl, module, JSON.parse(jobText) as ThreadJob);
writeSync(stdout.fd, JSON.stringify(result));
process.exit();

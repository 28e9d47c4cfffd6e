import process from "node:process";
import { type Command, Option } from "commander";
import { parseCount } from "kmem-cli/internal/commands/number-arguments";
import { ReportedFailure } from "kmem-cli/internal/commands/reported-failure";
import { styleFor } from "kmem-cli/internal/system/terminal";
import { formatCount } from "kmem-cli/internal/system/units";
import { HEAP_CONFIGS } from "../kill/heap-configs.ts";
import { killText } from "../kill/kill-text.ts";
import { hasKillFailed } from "../kill/report.ts";
import { runKill } from "../kill/run-kill.ts";

const DEFAULT_KILLS = 10_000;
const DEFAULT_SURVIVORS = 2;
/** The heap has slots for twice as many: the dead keep theirs for a while. */
const SURVIVORS_MAX = 32;
const DEFAULT_SEED = 1;
const JSON_INDENT = 2;
/** Progress is told this often, in kills. */
const PROGRESS_STEP = 100;

interface KillFlags {
  readonly kills: number;
  readonly survivors: number;
  readonly seed: number;
  readonly heap?: string;
  readonly json?: true;
}

const EXPLANATION = `
Threads work on one heap: blocks of all sizes, frees of others' blocks, runs of
pages, a cache, trim, detach. Some are killed by terminate(), one to three at a
time, from before they attach to some milliseconds later; the others go on
meanwhile. heap.watch() recovers; the blocks of the dead are freed, given to the
main thread, or kept and freed later. After each group all threads pause, and
the whole heap is audited: check() is clean, every allocation of a live thread
is live, unchanged and held by no other thread, and no live block or page is
without a holder. At the end everything is freed, and the heap has as many bytes
of each kind as at the start. A fifth of the threads die on a heap of fixed size, a fifth
on one that is always short of memory, a fifth on one that grows, a fifth on a
DebugHeap and a fifth on a SampledHeap, whose quarantines hold blocks that other
threads have allocated, dead ones among them; whatever these report is a fault.

Examples:
  kmem-lab kill                    10,000 threads, which takes some minutes
  kmem-lab kill --kills 300 --json

Exit codes: 0; 1 when anything was lost or hung; 2 for a command line that makes
no sense.`;

/** Adds `kmem-lab kill`. */
export function registerKill(program: Command): void {
  program
    .command("kill")
    .summary("threads that are killed while others work on the same heap")
    .description("Kills worker threads at random instants, and looks whether anything was lost.")
    .addOption(
      new Option("-k, --kills <count>", "threads that are killed")
        .default(DEFAULT_KILLS)
        .argParser((text) => parseCount(text, 1)),
    )
    .addOption(
      new Option("-t, --survivors <count>", "threads that work on")
        .default(DEFAULT_SURVIVORS)
        .argParser((text) => parseCount(text, 1, SURVIVORS_MAX)),
    )
    .addOption(
      new Option("--seed <number>", "where the random numbers begin")
        .default(DEFAULT_SEED)
        .argParser((text) => parseCount(text, 0)),
    )
    .addOption(new Option("--heap <kind>", "only on heaps of this kind").choices(HEAP_CONFIGS.map(({ name }) => name)))
    .option("--json", "print one JSON document (kmem-kill, version 2) and nothing else")
    .addHelpText("after", EXPLANATION)
    .action(kill);
}

async function kill({ kills, survivors, seed, heap, json }: KillFlags): Promise<void> {
  const isJson = json === true;
  let told = 0;
  const onProgress = (killCount: number, heapName: string): void => {
    if (process.stderr.isTTY !== true || isJson || killCount < told + PROGRESS_STEP) return;
    told = killCount;
    console.error(`${formatCount(killCount)} of ${formatCount(kills)} killed (heap: ${heapName})`);
  };
  const settings = { killCount: kills, survivorCount: survivors, seed };
  const report = await runKill(settings, onProgress, heap === undefined ? undefined : [heap]);
  console.log(
    isJson ? JSON.stringify(report, null, JSON_INDENT) : killText(report, styleFor(process.stdout, process.env)),
  );
  if (!hasKillFailed(report)) return;
  if (isJson) for (const { problems } of report.heaps) for (const text of problems) console.error(`kmem: ${text}`);
  throw new ReportedFailure();
}

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import { type Command, Option } from "commander";
import { type AllocationSite, DebugHeap, sitesText } from "kmem/debug";
import {
  type AllocationProfile,
  collapsedText,
  gzipped,
  heapProfileText,
  pprofBytes,
  speedscopeText,
} from "kmem/profile";
import { sourceMapFrames } from "../source-maps.ts";
import { parseCount } from "./arguments.ts";
import { readDump } from "./read-dump.ts";

const DEFAULT_TOP = 10;

const EXPLANATION = `
DUMP is a file with what heap.dump() of a DebugHeap returned: plain, .gz or
.zst. Stacks are shown as the sources are where their files have source maps.

--profile writes the same for viewers, in the format that the name of FILE ends
with: .heapprofile (DevTools), .pb.gz (pprof), .speedscope.json, .folded.

Exit codes: 0; 1 when the dump cannot be read, or its heap is not debugged; 2
for a command line that makes no sense.`;

interface LeaksOptions {
  readonly top: number;
  readonly slot?: number;
  readonly json?: true;
  readonly profile?: string;
}

/** Adds `kmem leaks`. */
export function registerLeaks(program: Command): void {
  program
    .command("leaks")
    .summary("list the live blocks of a debugged heap by who allocated them")
    .description("Lists the live blocks in a dump of a debugged heap by the place where they were allocated.")
    .argument("<dump>", "file of a dump")
    .addOption(
      new Option("--top <count>", "so many places, those with the most bytes")
        .argParser((text) => parseCount(text, 1))
        .default(DEFAULT_TOP),
    )
    .addOption(
      new Option("--slot <slot>", "only blocks that this slot has allocated").argParser((text) => parseCount(text, 0)),
    )
    .option("--json", "print them as JSON")
    .option("--profile <file>", "write a profile for a viewer")
    .addHelpText("after", EXPLANATION)
    .action(async (path: string, { top, slot, json, profile }: LeaksOptions) => {
      const heap = readDump(path);
      if (!(heap instanceof DebugHeap)) throw new Error(`${path}: the heap in it is not debugged`);
      const sites = heap.leaks(slot === undefined ? {} : { slot }).slice(0, top);
      const text = json === true ? JSON.stringify(sites.map(plain), null, 2) : sitesText(sites, sourceMapFrames());
      process.stdout.write(`${text}\n`);
      if (profile !== undefined) writeFileSync(profile, await profileBytes(profile, heap.profile()));
    });
}

/** A site without its blocks one by one. */
function plain({ objects, ...site }: AllocationSite): Omit<AllocationSite, "objects"> & { addresses: number[] } {
  return { ...site, addresses: objects.map(({ address }) => address) };
}

async function profileBytes(path: string, profile: AllocationProfile): Promise<string | Uint8Array> {
  if (path.endsWith(".heapprofile")) return heapProfileText(profile);
  if (path.endsWith(".pb.gz")) return gzipped(pprofBytes(profile));
  if (path.endsWith(".speedscope.json")) return speedscopeText([{ name: basename(path), profile }]);
  if (path.endsWith(".folded")) return collapsedText(profile);
  throw new Error(`${path}: a profile ends with .heapprofile, .pb.gz, .speedscope.json or .folded`);
}

import { basename } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { describeDump } from "kmem";
import { type AllocationSite, DebugHeap, openHeap, sitesText } from "kmem/debug";
import {
  type AllocationProfile,
  collapsedText,
  gzipped,
  heapProfileText,
  pprofBytes,
  speedscopeText,
} from "kmem/profile";
import { printDocument, printText } from "../system/output.ts";
import { sourceMapFrames } from "../system/source-maps.ts";
import { writeWhole } from "../system/write-whole.ts";
import { errorExitcodeOption, parseCount } from "./number-arguments.ts";
import { readDumpWith } from "./read-dump.ts";
import { ReportedFailure } from "./reported-failure.ts";

const DEFAULT_TOP = 10;
/** Goes up when a field of the JSON changes its meaning or goes away. */
const JSON_VERSION = 1;

const EXPLANATION = `
DUMP is a file with what dumpHeap() of a DebugHeap returned: plain, .gz or
.zst. Stacks are shown as the sources are where the files that they name have
source maps. A dump may name any file: only those in the working folder are read,
or in the folder that --sources names, and only regular ones of at most 64 MiB.

--profile writes the same for viewers, in the format that the name of FILE ends
with: .heapprofile (DevTools), .pb.gz (pprof), .speedscope.json, .folded.

Exit codes: 0; 1 when the dump cannot be read, or its heap is not debugged; 2
for a command line that makes no sense.`;

interface LeaksOptions {
  readonly top: number;
  readonly slot?: number;
  readonly json?: true;
  readonly profile?: ProfileFile;
  readonly sources?: string;
  readonly errorExitcode?: number;
}

/** The formats of profiles, by the ends of file names. */
const PROFILES = {
  ".heapprofile": (profile: AllocationProfile) => heapProfileText(profile),
  ".pb.gz": (profile: AllocationProfile) => gzipped(pprofBytes(profile)),
  ".speedscope.json": (profile: AllocationProfile, path: string) => speedscopeText([{ name: basename(path), profile }]),
  ".folded": (profile: AllocationProfile) => collapsedText(profile),
} as const;

interface ProfileFile {
  readonly path: string;
  readonly ending: keyof typeof PROFILES;
}

function parseProfile(path: string): ProfileFile {
  const endings = Object.keys(PROFILES) as (keyof typeof PROFILES)[];
  const ending = endings.find((one) => path.endsWith(one));
  if (ending !== undefined) return { path, ending };
  throw new InvalidArgumentError("It ends with .heapprofile, .pb.gz, .speedscope.json or .folded.");
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
    .option("--json", "print them as JSON (kmem-leaks, version 1)")
    .addOption(errorExitcodeOption("any block is live"))
    .addOption(new Option("--profile <file>", "write a profile for a viewer").argParser(parseProfile))
    .option("--sources <folder>", "read source maps below this folder (default: the working folder)")
    .addHelpText("after", EXPLANATION)
    .action(async (path: string, options: LeaksOptions, command: Command) => {
      const { top, slot, json, profile, errorExitcode, sources = "." } = options;
      const { heap, slotCount } = await readDumpWith(path, (dump) => ({
        heap: openHeap(dump),
        slotCount: slot === undefined ? 0 : describeDump(dump).slotCount,
      }));
      if (!(heap instanceof DebugHeap)) throw new Error(`${path}: the heap in it is not debugged`);
      if (slot !== undefined && slot >= slotCount) {
        command.error(`error: there is no slot ${slot}: the heap in the dump has ${slotCount}, from 0 on`);
      }
      const sites = heap.leaks(slot === undefined ? {} : { slot }).slice(0, top);
      if (json === true) printDocument("kmem-leaks", JSON_VERSION, { dump: path, sites: sites.map(plain) });
      else printText(sitesText(sites, sourceMapFrames(sources)));
      if (profile !== undefined) {
        await writeWhole(profile.path, await PROFILES[profile.ending](heap.profile(), profile.path));
      }
      if (errorExitcode !== undefined && sites.length > 0) throw new ReportedFailure(errorExitcode);
    });
}

/** A site without its blocks one by one. */
function plain({ objects, ...site }: AllocationSite): Omit<AllocationSite, "objects"> & { addresses: number[] } {
  return { ...site, addresses: objects.map(({ address }) => address) };
}

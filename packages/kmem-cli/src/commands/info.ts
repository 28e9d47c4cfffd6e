import type { Command } from "commander";
import { countFindings, type DumpInfo, describeDump, type Finding } from "kmem";
import { openHeap } from "kmem/debug";
import { findingText } from "../report/finding-text.ts";
import { printDocument, printText } from "../system/output.ts";
import { formatBytes } from "../system/units.ts";
import { quarantinedCount, quarantinedText } from "./quarantined.ts";
import { readDumpWith } from "./read-dump.ts";

/** Findings that are printed; `kmem check` has all of them. */
const FINDINGS_SHOWN = 8;
/** Goes up when a field of the JSON changes its meaning or goes away. */
const JSON_VERSION = 1;

const EXPLANATION = `
DUMP is a file with what dumpHeap() returned: plain, .gz or .zst.

Exit codes: 0; 1 when the dump cannot be read; 2 for a command line that makes
no sense.`;

/** Adds `kmem info`. */
export function registerInfo(program: Command): void {
  program
    .command("info")
    .summary("say what a dump holds")
    .description("Says what a dump holds: version, geometry, slots, zones, caches, live blocks and bytes.")
    .argument("<dump>", "file of a dump")
    .option("--json", "print it as JSON (kmem-info, version 1)")
    .addHelpText("after", EXPLANATION)
    .action(async (path: string, { json }: { json?: true }) => {
      const info = await readDumpWith(path, describe);
      if (json === true) printDocument("kmem-info", JSON_VERSION, info);
      else printText(infoLines(info).join("\n"));
    });
}

/** What describeDump says, and of a debugged heap what it does not know. */
interface Info extends DumpInfo {
  /** How many of the live blocks are freed ones in quarantine; 0 where the dump is damaged. */
  readonly quarantinedBlocks: number;
}

function describe(dump: Uint8Array): Info {
  const info = describeDump(dump);
  const isSound = info.findings.length === 0;
  return { ...info, quarantinedBlocks: isSound ? quarantinedCount(openHeap(dump), info.stats.liveBlocks) : 0 };
}

function infoLines({
  formatVersion,
  layoutVersion,
  storedPages,
  slotCount,
  isExactFrees,
  sheafBlocks,
  slabBytes,
  slots,
  stats,
  findings,
  quarantinedBlocks,
}: Info): string[] {
  const { startAddress, endAddress, limitAddress, bytes, foreignBytes, zones, caches, liveBlocks } = stats;
  const liveBytes = bytes.liveSlabBytes + bytes.blockRunBytes;
  return [
    `dump      version ${formatVersion}, ${storedPages} pages; layout version ${layoutVersion}`,
    `heap      ${hex(startAddress)} to ${hex(endAddress)}, may grow to ${hex(limitAddress)}` +
      `${isExactFrees ? ", exact frees" : ""}` +
      `${sheafBlocks === 0 ? "" : `, sheaves of ${sheafBlocks} blocks`}` +
      `${slabBytes === 0 ? "" : `, slabs of ${formatBytes(slabBytes)}`}`,
    `bytes     ${formatBytes(bytes.totalBytes)}: tables ${formatBytes(bytes.metadataBytes)}, ` +
      `blocks ${formatBytes(liveBytes)}, pages ${formatBytes(bytes.pageRunBytes)}, free ${formatBytes(bytes.freePageBytes)}`,
    ...(foreignBytes === 0 ? [] : [`foreign   ${formatBytes(foreignBytes)} between them that others have added`]),
    `blocks    ${liveBlocks} live, ${formatBytes(liveBytes)}${quarantinedText(quarantinedBlocks)}`,
    `slots     ${slots.length} of ${slotCount}`,
    ...slots.map((one) => {
      const what = `${one.liveBlocks} blocks, ${formatBytes(one.liveBytes)}; pages ${formatBytes(one.pageBytes)}`;
      return `slot ${String(one.slot).padEnd(4)} ${one.state}: ${what}`;
    }),
    ...zones.map(({ name, pages, freePages }) => `zone ${name.padEnd(7)} ${freePages} of ${pages} pages free`),
    ...caches.map(
      (one) => `cache ${one.name}: ${one.liveBlocks} live of ${one.blockBytes} bytes in ${one.slabs} slabs`,
    ),
    ...findingLines(findings),
  ];
}

/** Where a dump is damaged, its figures may be too. */
function findingLines(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const count = countFindings(findings);
  const left = count - countFindings(findings.slice(0, FINDINGS_SHOWN));
  return [
    `damaged   ${count} ${count === 1 ? "finding" : "findings"}, which kmem check explains and repairs`,
    ...findings.slice(0, FINDINGS_SHOWN).map((finding) => `  ${findingText(finding)}`),
    ...(left > 0 ? [`  and ${left} more`] : []),
  ];
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

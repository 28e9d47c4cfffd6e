import { writeFileSync } from "node:fs";
import process from "node:process";
import type { Command } from "commander";
import { type CheckReport, checkDump, type DumpRepair, type Finding, repairDump } from "kmem";
import { loadHeap } from "kmem/debug";
import { pack, readDumpWith } from "./read-dump.ts";
import { ReportedFailure } from "./reported-failure.ts";

/** Findings that are printed; `--json` has all of them. */
const FINDINGS_SHOWN = 50;

const EXPLANATION = `
DUMP is a file with what heap.dump() returned: plain, .gz or .zst. OUT is packed
as its name ends.

What is found is printed with its layer and its address in the heap, and with
--repair what was done about it. The live blocks of a repaired heap are where
they were; what may be in use is kept. "!" marks what could not be made what it
was.

Exit codes: 0 when the heap is sound or has been repaired; 1 when something was
found, cannot be repaired, or the dump cannot be read; 2 for a command line that
makes no sense.`;

interface CheckOptions {
  readonly repair?: string;
  readonly json?: true;
}

/** Adds `kmem check`. */
export function registerCheck(program: Command): void {
  program
    .command("check")
    .summary("verify a dumped heap, and repair it")
    .description("Verifies every invariant of every layer of a dumped heap, and repairs what is damaged.")
    .argument("<dump>", "file of a dump")
    .option("--repair <out>", "write the repaired heap's dump to this file")
    .option("--json", "print findings as JSON")
    .addHelpText("after", EXPLANATION)
    .action((path: string, options: CheckOptions) => {
      const isSound = options.repair === undefined ? check(path, options) : repair(path, options.repair, options);
      if (!isSound) throw new ReportedFailure();
    });
}

/** What a heap's own check says of a dump; the blocks of a debugged heap are looked at where all else is sound. */
function checkAll(dump: Uint8Array): CheckReport {
  const report = checkDump(dump);
  return report.isClean ? loadHeap(dump).check() : report;
}

function check(path: string, { json }: CheckOptions): boolean {
  const { isClean, findings } = readDumpWith(path, checkAll);
  if (json === true) printJson({ dump: path, isClean, findings });
  else print([headline(path, findings), ...findingLines(findings)]);
  return isClean;
}

function repair(path: string, out: string, { json }: CheckOptions): boolean {
  const { dump, isRepaired, findings, mends, remaining } = readDumpWith(path, repairDump);
  if (dump !== undefined) writeFileSync(out, pack(out, dump));
  if (json === true) printJson({ dump: path, repaired: dump && out, isRepaired, findings, mends, remaining });
  else print([headline(path, findings), ...findingLines(findings), ...outcome(out, { dump, mends, remaining })]);
  return isRepaired;
}

function headline(path: string, { length }: readonly Finding[]): string {
  return length === 0 ? `${path}: sound` : `${path}: ${length} ${length === 1 ? "finding" : "findings"}`;
}

function findingLines(findings: readonly (Finding & { readonly done?: string })[]): string[] {
  const lines = findings.slice(0, FINDINGS_SHOWN).map(({ layer, address, problem, done }) => {
    const found = `  ${hex(address)}  ${layer.padEnd(7)}  ${problem}`;
    return done === undefined ? found : `${found}: ${done}`;
  });
  const left = findings.length - lines.length;
  return left > 0 ? [...lines, `  and ${left} more, which --json prints`] : lines;
}

function outcome(out: string, { dump, mends, remaining }: Pick<DumpRepair, "dump" | "mends" | "remaining">): string[] {
  if (dump === undefined) return ["not repaired:", ...findingLines(remaining)];
  const lines = mends
    .slice(0, FINDINGS_SHOWN)
    .map(({ address, done, isLoss }) => `${isLoss ? "!" : " "} ${hex(address)}  ${done}`);
  const left = mends.length - lines.length;
  const more = left > 0 ? [`  and ${left} more, which --json prints`] : [];
  return [`written to ${out}${mends.length === 0 ? "" : "; mended:"}`, ...lines, ...more];
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

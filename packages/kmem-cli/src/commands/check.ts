import type { Command } from "commander";
import { countFindings, type DumpRepair, type Finding } from "kmem";
import { checkDump, repairDump } from "kmem/debug";
import { findingText } from "../report/finding-text.ts";
import { systemReason } from "../system/input-problem.ts";
import { printDocument, printText } from "../system/output.ts";
import { printableLine } from "../system/printable.ts";
import { isSameFile, writeWhole } from "../system/write-whole.ts";
import { errorExitcodeOption } from "./number-arguments.ts";
import { pack, readDumpWith } from "./read-dump.ts";
import { ReportedFailure } from "./reported-failure.ts";

/** Findings that are printed; `--json` has all of them. */
const FINDINGS_SHOWN = 50;
/** Goes up when a field of the JSON changes its meaning or goes away. */
const JSON_VERSION = 1;

const EXPLANATION = `
DUMP is a file with what dumpHeap() returned: plain, .gz or .zst. OUT is packed
as its name ends, is written beside its place first and gets its name when it is
whole, and may not be DUMP itself: that would be the only copy.

What is found is printed with its layer and its address in the heap, and with
--repair what was done about it; what was found many times is one line with its
count. The live blocks of a repaired heap are where they were; what may be in
use is kept. "!" marks what could not be made what it was. The blocks of a
debugged or sampled heap are looked at too.

Exit codes: 0 when the heap is sound, or is found sound after its repair; 1 when
something was found, cannot be repaired, or the dump cannot be read; 2 for a
command line that makes no sense.`;

interface CheckOptions {
  readonly repair?: string;
  readonly json?: true;
  readonly errorExitcode?: number;
}

/** Adds `kmem check`. */
export function registerCheck(program: Command): void {
  program
    .command("check")
    .summary("verify a dumped heap, and repair it")
    .description("Verifies every invariant of every layer of a dumped heap, and repairs what is damaged.")
    .argument("<dump>", "file of a dump")
    .option("--repair <out>", "write the repaired heap's dump to this file")
    .option("--json", "print findings as JSON (kmem-check or kmem-repair, version 1)")
    .addOption(errorExitcodeOption("something was found, or cannot be repaired"))
    .addHelpText("after", EXPLANATION)
    .action(async (path: string, options: CheckOptions, command: Command) => {
      const { repair: out } = options;
      if (out !== undefined && isSameFile(path, out))
        command.error("error: --repair needs another file than the dump's");
      const isSound = await (out === undefined ? check(path, options) : repair(path, out, options));
      if (!isSound) throw new ReportedFailure(options.errorExitcode);
    });
}

async function check(path: string, { json }: CheckOptions): Promise<boolean> {
  const { isClean, findings } = await readDumpWith(path, checkDump);
  const report = { dump: path, isClean, findingCount: countFindings(findings), findings };
  if (json === true) printDocument("kmem-check", JSON_VERSION, report);
  else print([headline(path, findings), ...findingLines(findings)]);
  return isClean;
}

async function repair(path: string, out: string, { json }: CheckOptions): Promise<boolean> {
  const { dump, isRepaired, findings, steps, remaining } = await readDumpWith(path, repairDump);
  if (dump !== undefined) await writeOut(out, dump);
  const findingCount = countFindings(findings);
  if (json === true) {
    const report = { dump: path, repaired: dump && out, isRepaired, findingCount, findings, steps, remaining };
    printDocument("kmem-repair", JSON_VERSION, report);
  } else print([headline(path, findings), ...findingLines(findings), ...outcome(out, { dump, steps, remaining })]);
  return isRepaired;
}

async function writeOut(out: string, dump: Uint8Array): Promise<void> {
  await writeWhole(out, pack(out, dump)).catch((error: unknown) => {
    throw new Error(`${out}: ${systemReason(error) ?? String(error)}`, { cause: error });
  });
}

function headline(path: string, findings: readonly Finding[]): string {
  const count = countFindings(findings);
  return `${printableLine(path)}: ${count === 0 ? "sound" : `${count} ${count === 1 ? "finding" : "findings"}`}`;
}

function findingLines(findings: readonly (Finding & { readonly done?: string })[]): string[] {
  const lines = findings.slice(0, FINDINGS_SHOWN).map((finding) => {
    const found = `  ${findingText(finding)}`;
    return finding.done === undefined ? found : `${found}: ${finding.done}`;
  });
  const left = countFindings(findings.slice(FINDINGS_SHOWN));
  return left > 0 ? [...lines, `  and ${left} more, which --json prints`] : lines;
}

function outcome(out: string, { dump, steps, remaining }: Pick<DumpRepair, "dump" | "steps" | "remaining">): string[] {
  if (dump === undefined) return ["not repaired:", ...findingLines(remaining)];
  const lines = steps
    .slice(0, FINDINGS_SHOWN)
    .map(({ address, done, isLoss }) => `${isLoss ? "!" : " "} ${hex(address)}  ${done}`);
  const left = steps.length - lines.length;
  const more = left > 0 ? [`  and ${left} more, which --json prints`] : [];
  return [`written to ${printableLine(out)}${steps.length === 0 ? "" : "; repaired:"}`, ...lines, ...more];
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

function print(lines: readonly string[]): void {
  printText(lines.join("\n"));
}

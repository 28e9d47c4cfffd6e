import { readFileSync } from "node:fs";
import process from "node:process";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { LAB_COMMAND, type TablePlace, writeFigure } from "../figures/repository.ts";
import { killCells, sumOfKills } from "./kill-text.ts";
import type { HeapKillReport, KillReport } from "./report.ts";

interface Part {
  readonly name: string;
  readonly place?: TablePlace;
  /** Kinds of heaps. */
  readonly heaps: readonly string[];
  /** Threads to kill, in all of them together. */
  readonly killCount: number;
}

const PARTS: readonly Part[] = [
  {
    name: "kill",
    place: { document: "docs/reliability.md", mark: "figures: kill" },
    heaps: ["fixed", "short of memory", "growing"],
    killCount: 10_000,
  },
  { name: "kill-debug", heaps: ["debugged", "sampled"], killCount: 4000 },
];

/**
 * Kills threads with `kmem-lab kill` and writes what came of it to docs/figures: on plain heaps to kill.csv, and into
 * docs/reliability.md, on debugged and sampled ones to kill-debug.csv.
 *
 * @param killCounts other numbers of threads to kill than 10,000 and 4,000, to try it out.
 */
export async function measureKills(killCounts: readonly number[] = []): Promise<void> {
  for (const [index, part] of PARTS.entries()) {
    const killCount = Math.ceil((killCounts[index] ?? part.killCount) / part.heaps.length);
    const reports: HeapKillReport[] = [];
    for (const heap of part.heaps) {
      const args = [LAB_COMMAND, "kill", "--json", "--heap", heap, "--kills", String(killCount)];
      const report = JSON.parse(await runProcess({ file: process.execPath, args })) as KillReport;
      reports.push(...report.heaps);
    }
    write(part, reports);
  }
}

/** The same out of files that `kmem-lab kill --json` has written; those of one kind of heap are added up. */
export function addUpKills(paths: readonly string[]): void {
  const all = paths.flatMap((path) => (JSON.parse(readFileSync(path, "utf8")) as KillReport).heaps);
  for (const part of PARTS) {
    const found = part.heaps.map((name) => ({ name, reports: all.filter((report) => report.name === name) }));
    // A part that was not run on all of its kinds of heaps stays as it is.
    if (found.some(({ reports }) => reports.length === 0)) continue;
    write(
      part,
      found.map(({ name, reports }) => ({ name, ...sumOfKills(reports) })),
    );
  }
}

function write({ name, place }: Part, heaps: readonly HeapKillReport[]): void {
  const { header, rows } = killCells({ heaps });
  writeFigure(name, [header, ...rows], [header, ...rows], place);
}

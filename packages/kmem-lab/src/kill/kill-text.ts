import { type PlainRow, plainTable } from "kmem-cli/internal/system/plain-table";
import { median } from "kmem-cli/internal/system/statistics";
import type { TextStyle } from "kmem-cli/internal/system/terminal";
import { formatCount, threeDigits } from "kmem-cli/internal/system/units";
import type { KillFigures, KillReport } from "./report.ts";
import { OPERATIONS } from "./shared-state.ts";

const NOTHING = "–";
const MS = " ms";

/** A row for each figure, a column for each kind of heap, and one for all of them. */
export function killCells({ heaps }: Pick<KillReport, "heaps">): { header: string[]; rows: string[][] } {
  const all = [...heaps, sumOfKills(heaps)];
  const count = (name: string, figure: (figures: KillFigures) => number): string[] => [
    name,
    ...all.map((figures) => formatCount(figure(figures))),
  ];
  return {
    header: ["heap", ...heaps.map(({ name }) => name), "all"],
    rows: [
      count("threads killed", ({ killCount }) => killCount),
      count("checks of the whole heap", ({ checkCount }) => checkCount),
      count("operations of the others meanwhile", ({ survivorOperations }) => survivorOperations),
      count("locks taken over", ({ takenOverLocks }) => takenOverLocks),
      count("allocations that the dead owned, all listed", ({ ownedByDead }) => ownedByDead),
      count("free blocks taken back", ({ returnedBlocks }) => returnedBlocks),
      count("pages taken back", ({ returnedPages }) => returnedPages),
      ["from terminate() to recovered, median", ...all.map(({ recoveryMs }) => middle(recoveryMs))],
      ["from terminate() to recovered, worst", ...all.map(({ recoveryMs }) => worst(recoveryMs))],
      ["of that the recovery itself, median", ...all.map(({ reapMs }) => middle(reapMs))],
      ["of that the recovery itself, worst", ...all.map(({ reapMs }) => worst(reapMs))],
      count("hangs", ({ hangs }) => hangs),
      count("lost pages", ({ lostPages }) => lostPages),
      count("lost blocks not owned by the dead", ({ lostBlocks }) => lostBlocks),
      count("findings of check()", ({ findings }) => findings),
    ],
  };
}

/** The figures, the operations that the threads died in, and whether anything was lost. */
export function killText(report: KillReport, { colors }: TextStyle): string {
  const { header, rows } = killCells(report);
  const problems = report.heaps.flatMap(({ name, problems: list }) => list.map((problem) => `${name}: ${problem}`));
  const verdict =
    problems.length === 0 ? colors.green("Nothing was lost, and no thread hung.") : colors.red(problems.join("\n"));
  return [plainTable(header, rows), plainTable(["they died in", "threads"], operationRows(report)), verdict].join(
    "\n\n",
  );
}

function operationRows({ heaps }: KillReport): PlainRow[] {
  return OPERATIONS.map((operation): [string, number] => [
    operation,
    heaps.reduce((sum, { killsByOperation }) => sum + (killsByOperation[operation] ?? 0), 0),
  ])
    .filter(([, killCount]) => killCount > 0)
    .map(([operation, killCount]) => [operation, formatCount(killCount)]);
}

/** What several heaps saw, or one that was run several times. */
export function sumOfKills(heaps: readonly KillFigures[]): KillFigures {
  const sum = (figure: (figures: KillFigures) => number): number =>
    heaps.reduce((total, figures) => total + figure(figures), 0);
  return {
    killCount: sum(({ killCount }) => killCount),
    killsByOperation: {},
    survivorOperations: sum(({ survivorOperations }) => survivorOperations),
    checkCount: sum(({ checkCount }) => checkCount),
    takenOverLocks: sum(({ takenOverLocks }) => takenOverLocks),
    ownedByDead: sum(({ ownedByDead }) => ownedByDead),
    returnedBlocks: sum(({ returnedBlocks }) => returnedBlocks),
    returnedPages: sum(({ returnedPages }) => returnedPages),
    recoveryMs: heaps.flatMap(({ recoveryMs }) => recoveryMs),
    reapMs: heaps.flatMap(({ reapMs }) => reapMs),
    hangs: sum(({ hangs }) => hangs),
    lostBlocks: sum(({ lostBlocks }) => lostBlocks),
    lostPages: sum(({ lostPages }) => lostPages),
    findings: sum(({ findings }) => findings),
    problems: [],
  };
}

function middle(values: readonly number[]): string {
  return values.length === 0 ? NOTHING : threeDigits(median(values)) + MS;
}

function worst(values: readonly number[]): string {
  return values.length === 0 ? NOTHING : threeDigits(Math.max(...values)) + MS;
}

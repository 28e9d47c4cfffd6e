import { type PlainRow, plainTable } from "kmem-cli/internal/text/plain-table";
import { median } from "kmem-cli/internal/text/statistics";
import type { TextStyle } from "kmem-cli/internal/text/terminal";
import { formatCount, threeDigits } from "kmem-cli/internal/text/units";
import { OPERATIONS } from "./board.ts";
import type { KillFigures, KillReport } from "./report.ts";

const NOTHING = "–";
const MS = " ms";

/** A row for each figure, a column for each kind of heap, and one for all of them. */
export function killCells({ worlds }: Pick<KillReport, "worlds">): { header: string[]; rows: string[][] } {
  const all = [...worlds, sumOfKills(worlds)];
  const count = (name: string, figure: (figures: KillFigures) => number): string[] => [
    name,
    ...all.map((figures) => formatCount(figure(figures))),
  ];
  return {
    header: ["heap", ...worlds.map(({ name }) => name), "all"],
    rows: [
      count("threads killed", ({ killCount }) => killCount),
      count("checks of the whole heap", ({ checkCount }) => checkCount),
      count("operations of the others meanwhile", ({ survivorOperations }) => survivorOperations),
      count("locks inherited", ({ takenOverLocks }) => takenOverLocks),
      count("pieces that the dead owned, all listed", ({ ownedByDead }) => ownedByDead),
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

/** The figures, what the threads died in, and whether anything was lost. */
export function killText(report: KillReport, { colors }: TextStyle): string {
  const { header, rows } = killCells(report);
  const problems = report.worlds.flatMap(({ name, problems: list }) => list.map((problem) => `${name}: ${problem}`));
  const verdict =
    problems.length === 0 ? colors.green("Nothing was lost, and nobody hung.") : colors.red(problems.join("\n"));
  return [plainTable(header, rows), plainTable(["they died in", "threads"], operationRows(report)), verdict].join(
    "\n\n",
  );
}

function operationRows({ worlds }: KillReport): PlainRow[] {
  return OPERATIONS.map((operation): [string, number] => [
    operation,
    worlds.reduce((sum, { killsByOperation }) => sum + (killsByOperation[operation] ?? 0), 0),
  ])
    .filter(([, killCount]) => killCount > 0)
    .map(([operation, killCount]) => [operation, formatCount(killCount)]);
}

/** What several heaps saw, or one that was run several times. */
export function sumOfKills(worlds: readonly KillFigures[]): KillFigures {
  const sum = (figure: (figures: KillFigures) => number): number =>
    worlds.reduce((total, figures) => total + figure(figures), 0);
  return {
    killCount: sum(({ killCount }) => killCount),
    killsByOperation: {},
    survivorOperations: sum(({ survivorOperations }) => survivorOperations),
    checkCount: sum(({ checkCount }) => checkCount),
    takenOverLocks: sum(({ takenOverLocks }) => takenOverLocks),
    ownedByDead: sum(({ ownedByDead }) => ownedByDead),
    returnedBlocks: sum(({ returnedBlocks }) => returnedBlocks),
    returnedPages: sum(({ returnedPages }) => returnedPages),
    recoveryMs: worlds.flatMap(({ recoveryMs }) => recoveryMs),
    reapMs: worlds.flatMap(({ reapMs }) => reapMs),
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

import { formatBytes, formatCount } from "../system/units.ts";
import type { DiffReport, DiffRow } from "./diff-report.ts";

const NAME_COLUMNS = 50;

/** A comparison as text. */
export function diffText(report: DiffReport, lines: number): string {
  const { total, before, after } = report;
  return [
    `before: ${before}`,
    `after:  ${after}`,
    `live:   ${formatBytes(total.before.liveBytes)} → ${formatBytes(total.after.liveBytes)} (${signedBytes(total.deltaBytes)})`,
    ...table("by site", report.sites, lines),
    ...table("by cache", report.caches, lines),
    ...table("by slot or thread", report.slots, lines),
  ].join("\n");
}

function table(title: string, rows: readonly DiffRow[], lines: number): string[] {
  const sizes = ["before", "after", "bytes"].map((name) => name.padStart(12)).join(" ");
  const head = `${title.padEnd(NAME_COLUMNS)} ${sizes} ${"blocks".padStart(9)}`;
  if (rows.length === 0) return ["", `${title}: no difference`];
  const shown = rows.slice(0, lines).map(({ name, before, after, deltaBytes, deltaCount }) => {
    const cut = name.length > NAME_COLUMNS ? `${name.slice(0, NAME_COLUMNS - 1)}…` : name.padEnd(NAME_COLUMNS);
    const sizes = [formatBytes(before.liveBytes), formatBytes(after.liveBytes), signedBytes(deltaBytes)];
    const count = `${deltaCount > 0 ? "+" : ""}${formatCount(deltaCount)}`;
    return `${cut} ${sizes.map((size) => size.padStart(12)).join(" ")} ${count.padStart(9)}`;
  });
  const left = rows.length - shown.length;
  return ["", head, ...shown, ...(left > 0 ? [`… and ${formatCount(left)} more (-l 0 shows all)`] : [])];
}

function signedBytes(bytes: number): string {
  return `${bytes > 0 ? "+" : ""}${formatBytes(bytes)}`;
}

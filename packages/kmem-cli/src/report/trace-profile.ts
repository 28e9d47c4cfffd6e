import type { FamilyReport, StatReport, StatRow } from "../insight/stat-report.ts";
import type { FamilyProfile, GroupRow, TraceProfile } from "./compare-report.ts";

/** Groups that each list has. */
const LIST_LENGTH = 12;

/** What of a trace's statistics a comparison shows. */
export function traceProfile({ clock, objects, pages }: StatReport): TraceProfile {
  const families = [
    ...(objects.total.hitCount > 0 ? [familyProfile("objects", objects)] : []),
    ...(pages.total.hitCount > 0 ? [familyProfile("pages", pages)] : []),
  ];
  return { clock, families };
}

function familyProfile(kind: FamilyProfile["kind"], family: FamilyReport): FamilyProfile {
  const { total, sites, caches, sizes, lifetimes } = family;
  const hasSites = sites.length > 1 || sites.some(({ name }) => !name.startsWith("("));
  const otherwise = kind === "pages" ? "order" : "cache";
  const groups = (hasSites ? sites : caches).map(groupRow);
  return {
    kind,
    allocationCount: total.hitCount,
    freeCount: total.freeCount,
    temporaryCount: total.temporaryCount,
    sizes,
    lifetimes,
    groupedBy: hasSites ? "site" : otherwise,
    groupCount: groups.length,
    byBytes: firstOf(groups, ({ requestedBytes }) => requestedBytes),
    byWaste: firstOf(groups, ({ wastedBytes }) => wastedBytes),
    byChurn: firstOf(groups, ({ allocationCount }) => allocationCount),
  };
}

function groupRow(row: StatRow): GroupRow {
  return {
    name: row.name,
    ...(row.frames === undefined ? {} : { frames: row.frames }),
    allocationCount: row.hitCount,
    requestedBytes: row.requestedBytes,
    allocatedBytes: row.allocatedBytes,
    wastedBytes: row.allocatedBytes - row.requestedBytes,
    temporaryCount: row.temporaryCount,
    peakLiveBytes: row.peakLiveBytes,
    liveBytesAtEnd: row.liveBytes,
  };
}

/** The groups of which there is most, as far as there is any. */
function firstOf(groups: readonly GroupRow[], amount: (group: GroupRow) => number): GroupRow[] {
  return groups
    .filter((group) => amount(group) > 0)
    .toSorted((a, b) => amount(b) - amount(a))
    .slice(0, LIST_LENGTH);
}

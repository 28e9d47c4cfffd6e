import { formatPercent } from "kmem-cli/internal/system/units";
import { type CsvRecord, numberIn } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { footprintIn, meanRatio, SMALL_TRACE_BYTES } from "../figures/ratios.ts";
import { cyclesRatio } from "../memory/drift-figures.ts";
import { atMost, type Goal } from "./goal.ts";

const BYTES_PER_KB = 1000;
const KB_DIGITS = 1;
const PERCENT = 100;
/** How far the own accounting and the resident memory may differ. */
const AGREEMENT_PERCENT = 5;

function isLarge(record: CsvRecord): boolean {
  return (numberIn(record, "peak_live_bytes") ?? 0) >= SMALL_TRACE_BYTES;
}

function footprintOver(other: string): (files: FigureFiles) => number | undefined {
  return (files) => meanRatio(files.read("memory").filter(isLarge), ["kmem", other], footprintIn, "workload");
}

function ownRows(files: FigureFiles, name: string): CsvRecord[] {
  return files.read(name).filter((record) => record["allocator"] === "kmem");
}

const AFTER_FREES: Goal = {
  name: "traces: bytes held after everything was freed, above the initial ones",
  goal: "0",
  measure: (files) => {
    const rests = ownRows(files, "memory").flatMap((record) => {
      const initialBytes = numberIn(record, "own_initial_bytes");
      const afterBytes = numberIn(record, "own_trimmed_bytes");
      return initialBytes === undefined || afterBytes === undefined ? [] : [afterBytes - initialBytes];
    });
    if (rests.length === 0) return undefined;
    const most = Math.max(...rests);
    return { text: String(most), isReached: most <= 0 };
  },
};

const AGREEMENT: Goal = {
  name: "traces of 1 MB live and more: resident memory beside kmem's own accounting, worst difference",
  goal: `≤ ${AGREEMENT_PERCENT} %`,
  measure: (files) => {
    const percents = ownRows(files, "memory")
      .filter(isLarge)
      .flatMap((record) => {
        const residentBytes = numberIn(record, "resident_peak_bytes");
        const peakBytes = numberIn(record, "own_peak_bytes");
        if (residentBytes === undefined || peakBytes === undefined) return [];
        const ownBytes = peakBytes - (numberIn(record, "own_initial_bytes") ?? 0);
        return [Math.abs((residentBytes - ownBytes) / ownBytes) * PERCENT];
      });
    if (percents.length === 0) return undefined;
    const worst = Math.max(...percents);
    return { text: formatPercent(worst), isReached: worst <= AGREEMENT_PERCENT };
  },
};

/** The own accounting where the mix is the first segment's, over the accounting there. */
function drift(files: FigureFiles): number | undefined {
  return cyclesRatio(ownRows(files, "drift").map((row) => numberIn(row, "own_bytes")));
}

/** A part of the package, minified and packed with brotli. */
function packedSize(name: string, subPath: string, limitKb: number): Goal {
  return {
    name,
    goal: `≤ ${limitKb} kB`,
    measure: (files) => {
      const record = files.read("bundle-size").find((one) => one["sub_path"] === subPath);
      const bytes = record === undefined ? undefined : numberIn(record, "brotli_bytes");
      if (bytes === undefined) return undefined;
      return { text: `${(bytes / BYTES_PER_KB).toFixed(KB_DIGITS)} kB`, isReached: bytes <= limitKb * BYTES_PER_KB };
    },
  };
}

/** What kmem is to reach in memory and size. */
export const MEMORY_GOALS: readonly Goal[] = [
  atMost(
    "traces of 1 MB live and more: kmem's resident memory at peak over native mimalloc's",
    1,
    footprintOver("mimalloc"),
  ),
  atMost("the same over dlmalloc's in WebAssembly", 1.05, footprintOver("wasm-dlmalloc")),
  AFTER_FREES,
  AGREEMENT,
  atMost(
    "100 million operations of a changing mix: footprint where the mix is that of the start, over the start's",
    1.05,
    drift,
  ),
  packedSize("size of the core, minified, brotli", "kmem", 8),
  packedSize("size of everything, minified, brotli", "everything", 30),
];

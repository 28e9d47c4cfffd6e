import { type CsvRecord, numberIn } from "../csv.ts";
import type { FigureFiles } from "../figure-files.ts";
import { SMALL_TRACE_BYTES } from "../figures.ts";
import { blockTraces, footprintIn, meanRatio } from "../ratios.ts";
import { atMost, type Goal } from "./goal.ts";

const KIB = 1024;
const KIB_DIGITS = 1;

function largeTraces(files: FigureFiles): CsvRecord[] {
  return blockTraces(files.read("traces")).filter(
    (record) => (numberIn(record, "peak_live_bytes") ?? 0) >= SMALL_TRACE_BYTES,
  );
}

function footprintOver(other: string): (files: FigureFiles) => number | undefined {
  return (files) => meanRatio(largeTraces(files), ["kmem", other], footprintIn);
}

function ownRows(files: FigureFiles, name: string): CsvRecord[] {
  return files.read(name).filter((record) => record["allocator"] === "kmem");
}

const AFTER_FREES: Goal = {
  name: "traces: bytes held after everything was freed, above the initial ones",
  goal: "0",
  measure: (files) => {
    const rests = ownRows(files, "memory").flatMap((record) => {
      const initialBytes = numberIn(record, "initial_bytes");
      const afterBytes = numberIn(record, "after_trim_bytes");
      return initialBytes === undefined || afterBytes === undefined ? [] : [afterBytes - initialBytes];
    });
    if (rests.length === 0) return undefined;
    const most = Math.max(...rests);
    return { text: String(most), isReached: most <= 0 };
  },
};

/** A part of the package, minified and packed with brotli. */
function packedSize(name: string, part: string, limitKib: number): Goal {
  return {
    name,
    goal: `≤ ${limitKib} KiB`,
    measure: (files) => {
      const record = files.read("bundle-size").find((one) => one["part"] === part);
      const bytes = record === undefined ? undefined : numberIn(record, "brotli_bytes");
      if (bytes === undefined) return undefined;
      return { text: `${(bytes / KIB).toFixed(KIB_DIGITS)} KiB`, isReached: bytes <= limitKib * KIB };
    },
  };
}

/** What kmem is to reach in memory and size. */
export const MEMORY_GOALS: readonly Goal[] = [
  atMost("traces of 1 MB live and more: kmem's footprint at peak over native mimalloc's", 1, footprintOver("mimalloc")),
  atMost("the same over dlmalloc's in WebAssembly", 1.05, footprintOver("wasm-dlmalloc")),
  AFTER_FREES,
  atMost("100 million operations of a changing mix: footprint at the end over that at the start", 1.05, (files) => {
    const [record] = ownRows(files, "drift");
    return record === undefined ? undefined : numberIn(record, "end_over_start");
  }),
  packedSize("size of the core, minified, brotli", "core", 8),
  packedSize("size of everything, minified, brotli", "everything", 30),
];

import { formatCount } from "kmem-cli/internal/system/units";
import { type CsvRecord, numberIn } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { footprintIn, nsIn } from "../figures/ratios.ts";
import { atMost, type Goal, ratioText } from "./goal.ts";

const VMALLOC_NS = 1500;
const STRINGS_FOOTPRINT = 1.8;
const ONE = "1";
const TWO = "2";

function rowOf(files: FigureFiles, load: string, allocator: string): CsvRecord {
  const isIt = (row: CsvRecord): boolean => row["load"] === load && row["allocator"] === allocator;
  return files.read("loads").find(isIt) ?? {};
}

/** kmem's ns per operation of a load over another allocator's. */
function overOther(load: string, other: string, limit: number): Goal {
  return atMost(`${load}: kmem's ns/op over ${other}'s`, limit, (files) => {
    const [own, others] = [nsIn(rowOf(files, load, "kmem")), nsIn(rowOf(files, load, other))];
    return own === undefined || others === undefined ? undefined : own / others;
  });
}

/** Operations a second of two threads over those of one, of a workload. */
function scaling(workload: string, least: number): Goal {
  return {
    name: `${workload}: two threads' operations a second over one's`,
    goal: `≥ ${ratioText(least)}`,
    measure: (files) => {
      const speedOf = (threads: string): number | undefined =>
        numberIn(
          files
            .read("threads")
            .find((row) => row["workload"] === workload && row["allocator"] === "kmem" && row["threads"] === threads) ??
            {},
          "ops_per_second_median",
        );
      const [one, two] = [speedOf(ONE), speedOf(TWO)];
      if (one === undefined || two === undefined) return undefined;
      return { text: ratioText(two / one), isReached: two / one >= least };
    },
  };
}

const VMALLOC: Goal = {
  name: "vmalloc: ns a call",
  goal: `≤ ${formatCount(VMALLOC_NS)}`,
  measure: (files) => {
    const ns = nsIn(rowOf(files, "vmalloc", "kmem"));
    return ns === undefined ? undefined : { text: formatCount(Math.round(ns)), isReached: ns <= VMALLOC_NS };
  },
};

/** What kmem is to reach on synthetic loads, and with two threads. */
export const LOAD_GOALS: readonly Goal[] = [
  overOther("sweep 256 B", "mimalloc", 2.5),
  overOther("sweep 4 KiB", "mimalloc", 4),
  overOther("sweep 128 KiB", "mimalloc", 5),
  overOther("mixed sizes", "wasm-dlmalloc", 1),
  overOther("page runs", "emmalloc", 1),
  VMALLOC,
  atMost("strings: kmem's resident memory at peak over what is live", STRINGS_FOOTPRINT, (files) => {
    const isIt = (row: CsvRecord): boolean => row["workload"] === "strings" && row["allocator"] === "kmem";
    return footprintIn(files.read("load-memory").find(isIt) ?? {});
  }),
  scaling("local", 1.85),
  scaling("sh8", 1.6),
];

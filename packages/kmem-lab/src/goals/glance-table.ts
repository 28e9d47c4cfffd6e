import { geometricMean } from "kmem-cli/internal/system/statistics";
import { formatCount } from "kmem-cli/internal/system/units";
import { type Cells, type CsvRecord, numberIn } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { blockTraces, meanRatio, nsIn } from "../figures/ratios.ts";
import { ratioText } from "./goal.ts";
import { churnRatio, overBestWasm } from "./time-goals.ts";

const NOT_MEASURED = "–";
const BYTES_PER_KB = 1000;
const CHURN_BLOCKS = 10_000;

/** The program among those of WebAssembly that is built with a sanitizer. */
const DEBUG_BUILD = "quickjs debug-sync";

/** One line of the README's table. */
interface Glance {
  readonly name: string;
  /** The command that measures it. */
  readonly madeBy: string;
  measure(files: FigureFiles): string | undefined;
}

/** Several figures in one cell; undefined where one of them has not been measured. */
function together(figures: readonly (string | undefined)[]): string | undefined {
  return figures.includes(undefined) ? undefined : figures.join(", ");
}

function ratio(value: number | undefined): string | undefined {
  return value === undefined ? undefined : ratioText(value);
}

function overNative(files: FigureFiles, name: string): string | undefined {
  return ratio(meanRatio(blockTraces(files.read("traces")), ["kmem", name], nsIn));
}

function killed(rows: readonly CsvRecord[], name: string): string | undefined {
  const count = numberIn(rows.find((row) => row["heap"] === name) ?? {}, "all");
  return count === undefined ? undefined : formatCount(count);
}

function packedKb(rows: readonly CsvRecord[], program: string): string | undefined {
  const bytes = numberIn(rows.find((row) => row["sub_path"] === program) ?? {}, "brotli_bytes");
  return bytes === undefined ? undefined : `${(bytes / BYTES_PER_KB).toFixed(1)} kB`;
}

/** The geometric mean of a column of ratios; undefined where there are none. */
function meanOf(rows: readonly CsvRecord[], column: string): number | undefined {
  return geometricMean(rows.map((row) => numberIn(row, column)).filter((value) => value !== undefined));
}

const GLANCES: readonly Glance[] = [
  {
    name: "real traces, mean: kmem's time over that of glibc, of mimalloc, both native",
    madeBy: "npm run bench -- --only traces",
    measure: (files) => together(["glibc", "mimalloc"].map((name) => overNative(files, name))),
  },
  {
    name: "the same over the best malloc in WebAssembly, called from JavaScript",
    madeBy: "npm run bench -- --only traces",
    measure: (files) => ratio(overBestWasm(files)),
  },
  {
    name: `${formatCount(CHURN_BLOCKS)} live blocks replaced at random: \`@thi.ng/malloc\`'s time over kmem's`,
    madeBy: "npm run bench -- --only live",
    measure: (files) => ratio(churnRatio(files, ["thi.ng", CHURN_BLOCKS], ["kmem", CHURN_BLOCKS])),
  },
  {
    name:
      "WebAssembly programs from npm: their time on kmem, and under memcheck, over that with their own malloc; " +
      "without a debug build whose malloc is slow",
    madeBy: "npm run test:programs, test:program-checks",
    measure: (files) => {
      const checked = files.read("wasm-checks").filter((row) => row["mode"] === "memcheck");
      const merged = files.read("wasm-programs");
      const means = (wanted: (row: CsvRecord) => boolean): string | undefined => {
        const ofMerged = meanOf(merged.filter(wanted), "merged_time_ratio");
        return together([ofMerged, meanOf(checked.filter(wanted), "time_ratio")].map(ratio));
      };
      const [all, others] = [means(() => true), means((row) => row["program"] !== DEBUG_BUILD)];
      return all && others && `${all}; ${others}`;
    },
  },
  {
    name: "workers killed at work; hangs, lost pages, lost blocks after it",
    madeBy: "npm run bench -- --only kills",
    measure: (files) => {
      const rows = files.read("kill");
      const names = ["threads killed", "hangs", "lost pages", "lost blocks not owned by the dead"];
      return together(names.map((name) => killed(rows, name)))?.replace(", ", "; ");
    },
  },
  {
    name: "a program's heap, minified and brotli: of one thread, of threads",
    madeBy: "npm run bench -- --only sizes",
    measure: (files) => {
      const rows = files.read("bundle-size");
      return together(["one thread", "threads"].map((name) => packedKb(rows, name)));
    },
  },
];

/** The README's six figures, each with the command that measures it. */
export function glanceTable(files: FigureFiles): Cells {
  const rows = GLANCES.map(({ name, madeBy, measure }) => [name, measure(files) ?? NOT_MEASURED, `\`${madeBy}\``]);
  return [["", "measured", "made by"], ...rows];
}

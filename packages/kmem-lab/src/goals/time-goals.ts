import { formatCount } from "kmem-cli/internal/system/units";
import { type CsvRecord, numberIn } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { blockTraces, meanRatio, namesIn, nsIn } from "../figures/ratios.ts";
import { atLeast, atMost, type Goal, ratioText } from "./goal.ts";

const FEW_LIVE = 1_000;
const SOME_LIVE = 10_000;
const MANY_LIVE = 10_000_000;
/** Names of the mallocs in WebAssembly that are called from JavaScript. */
const WASM_NAME = /wasm|tlsf/;

function traces(files: FigureFiles): CsvRecord[] {
  return blockTraces(files.read("traces"));
}

/** ns per operation of random churn at a count of live blocks. */
function churnNs(files: FigureFiles, allocator: string, liveBlockCount: number): number | undefined {
  return nsIn(
    files
      .read("live-blocks")
      .find((one) => one["allocator"] === allocator && one["live_blocks"] === String(liveBlockCount)),
  );
}

/** ns per operation of random churn: one allocator's at a count of live blocks over another's. */
export function churnRatio(files: FigureFiles, [own, ownCount]: Place, [other, otherCount]: Place): number | undefined {
  const ownNs = churnNs(files, own, ownCount);
  const otherNs = churnNs(files, other, otherCount);
  return ownNs === undefined || otherNs === undefined ? undefined : ownNs / otherNs;
}

type Place = readonly [allocator: string, liveBlockCount: number];

/** Over the best of the mallocs in WebAssembly: the one with which kmem compares worst. */
export function overBestWasm(files: FigureFiles): number | undefined {
  const records = traces(files);
  const ratios = namesIn(records, "allocator")
    .filter((name) => WASM_NAME.test(name))
    .flatMap((name) => meanRatio(records, ["kmem", name], nsIn) ?? []);
  return ratios.length === 0 ? undefined : Math.max(...ratios);
}

const GROWTH: Goal = {
  name: "random churn: ns/op with 10,000,000 live blocks over that with 10,000",
  goal: "≤ mimalloc's",
  measure: (files) => {
    const own = churnRatio(files, ["kmem", MANY_LIVE], ["kmem", SOME_LIVE]);
    const other = churnRatio(files, ["mimalloc", MANY_LIVE], ["mimalloc", SOME_LIVE]);
    if (own === undefined || other === undefined) return undefined;
    return { text: `${ratioText(own)}; mimalloc ${ratioText(other)}`, isReached: own <= other };
  },
};

/** The slowest of 10,000 single operations: what matters is that both are told. */
const WORST: Goal = {
  name: "traces: worst single operations (p99.99), worst trace",
  goal: "beside mimalloc's",
  measure: (files) => {
    const worstNs = (allocator: string): number | undefined => {
      const rows = files.read("latency").filter((one) => one["allocator"] === allocator);
      const values = rows.flatMap((row) => numberIn(row, "p99_99_ns") ?? []);
      return values.length === 0 ? undefined : Math.max(...values);
    };
    const [own, other] = [worstNs("kmem"), worstNs("mimalloc")];
    if (own === undefined || other === undefined) return undefined;
    return { text: `${formatCount(own)} ns; mimalloc ${formatCount(other)} ns`, isReached: true };
  },
};

/** What kmem is to reach in time. */
export const TIME_GOALS: readonly Goal[] = [
  atMost("traces: kmem's ns/op over native mimalloc's", 1.25, (files) =>
    meanRatio(traces(files), ["kmem", "mimalloc"], nsIn),
  ),
  atMost("traces: kmem's ns/op over glibc's", 0.7, (files) => meanRatio(traces(files), ["kmem", "glibc"], nsIn)),
  atMost("traces: kmem's ns/op over the best WebAssembly malloc's, called from JavaScript", 0.6, overBestWasm),
  atLeast("random churn, 1,000 live blocks: @thi.ng/malloc's ns/op over kmem's", 200, (files) =>
    churnRatio(files, ["thi.ng", FEW_LIVE], ["kmem", FEW_LIVE]),
  ),
  atLeast("random churn, 10,000 live blocks: @thi.ng/malloc's ns/op over kmem's", 1_000, (files) =>
    churnRatio(files, ["thi.ng", SOME_LIVE], ["kmem", SOME_LIVE]),
  ),
  GROWTH,
  WORST,
];

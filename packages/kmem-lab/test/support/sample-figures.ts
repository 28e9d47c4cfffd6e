import type { AllocatorResult, ReplayReport } from "kmem-cli/internal/replay/report";
import { result, trace, workload } from "../../../kmem-cli/test/report/support.ts";
import { traceRows } from "../../src/bench/figures.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";

const MIB = 2 ** 20;

/** A result with a footprint of so many times the 4 MiB that are live. */
export function measured(allocator: string, ns: number, footprintRatio: number): AllocatorResult {
  const one = result(allocator, ns);
  return { ...one, memory: { ...one.memory!, peakFootprintBytes: footprintRatio * 4 * MIB } };
}

/** Two traces by kmem, glibc, mimalloc and two mallocs in WebAssembly. */
export function sampleTraces(): ReplayReport {
  const results = (factor: number): AllocatorResult[] => [
    measured("kmem", 5 * factor, 1.2),
    measured("glibc", 10 * factor, 1.1),
    measured("mimalloc", 4 * factor, 1.5),
    measured("as-tlsf", 50, 1),
    measured("wasm-dlmalloc", 10 * factor, 1.2),
  ];
  return {
    schema: "kmem-replay",
    version: 1,
    environment: { node: "26", platform: "linux", arch: "x64", cpuModel: "a CPU", cpuCount: 2 },
    settings: { roundCount: 1 },
    allocators: ["kmem", "glibc", "mimalloc", "as-tlsf", "wasm-dlmalloc"].map((name) => {
      return { name, version: "1", isNative: name.endsWith("c") && !name.startsWith("wasm") };
    }),
    absent: [],
    traces: [
      trace("one", workload(results(1))),
      trace("two", workload(results(2))),
      trace("kernel", workload([measured("kmem", 1000, 9)], { kind: "pages" })),
    ],
    means: [],
    warnings: [],
  };
}

/** CSV files of these traces, and of random churn, in a folder. */
export function sampleFiles(folder: string): FigureFiles {
  const files = new FigureFiles(folder);
  files.write("traces", traceRows(sampleTraces()));
  files.write("memory", [
    ["workload", "allocator", "covered_share", "peak_live_bytes", "resident_peak_bytes"],
    ["one", "kmem", 1, 4 * MIB, 5 * MIB],
    ["one", "mimalloc", 1, 4 * MIB, 6 * MIB],
    ["one", "thi.ng", 0.5, 2 * MIB, 8 * MIB],
  ]);
  files.write("live-blocks", [
    ["live_blocks", "allocator", "ns_per_op_median"],
    [1000, "kmem", 5],
    [1000, "thi.ng", 1500],
    [10_000, "kmem", 5],
    [10_000, "mimalloc", 4],
    [10_000, "thi.ng", 2000],
    [10_000_000, "kmem", 100],
    [10_000_000, "mimalloc", 60],
  ]);
  return files;
}

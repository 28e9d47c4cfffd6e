import { availableParallelism, cpus, loadavg } from "node:os";
import process from "node:process";
import type { ReportEnvironment } from "./report.ts";

/** Tells the load of the machine: processes that ran or wanted to over the last minute. Where nobody knows, 0. */
export type LoadMeter = () => number;

const systemLoad: LoadMeter = () => loadavg()[0] ?? 0;

/** The machine and the Node that a report is made with, as they are now. Only tests bring a load of their own. */
export function describeEnvironment(load: LoadMeter = systemLoad): ReportEnvironment {
  const loadAverage = load();
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpuModel: cpus()[0]?.model.trim() ?? "unknown",
    cpuCount: availableParallelism(),
    // Windows says 0, always.
    ...(loadAverage === 0 ? {} : { loadAverage }),
  };
}

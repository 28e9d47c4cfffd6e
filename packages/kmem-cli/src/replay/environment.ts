import { availableParallelism, cpus } from "node:os";
import process from "node:process";
import type { ReportEnvironment } from "./report.ts";

/** The machine and the Node that a report was made with. */
export function describeEnvironment(): ReportEnvironment {
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpuModel: cpus()[0]?.model.trim() ?? "unknown",
    cpuCount: availableParallelism(),
  };
}

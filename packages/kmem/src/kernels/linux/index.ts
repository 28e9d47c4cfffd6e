export type { Report } from "../../memory/finding.ts";
export type { VfreeResult, VmallocProblem } from "../../vmalloc/result.ts";
export type { VirtualMemory } from "../../vmalloc/virtual-memory.ts";
export type { AreaOptions, Vmalloc, VmallocStats } from "../../vmalloc/vmalloc.ts";
export * from "./linux.ts";

import { GFP_KERNEL } from "../../src/kernels/linux/linux.ts";
import { debugRows, heapRows, libraryRows, localHeapRows, nodesRows } from "./heap-table.ts";
import { atomikRows, gietRows, linuxRows, mykernelRows, vmRows } from "./kernel-table.ts";
import type { Row } from "./rows.ts";
import { toolRows } from "./tool-table.ts";

/** What each function of the public surface takes, and how it refuses all else. */
export const TABLE: Readonly<Record<string, Row>> = {
  ...libraryRows(),
  ...heapRows("heap", "cache", "pages"),
  ...localHeapRows(),
  ...heapRows("growingHeap", undefined, "growingPages"),
  ...heapRows("exactHeap", "exactCache", undefined),
  ...heapRows("debugHeap", "debugCache", "debugPages"),
  ...heapRows("sampledHeap", undefined, undefined),
  ...debugRows(),
  ...nodesRows(),
  ...linuxRows(GFP_KERNEL),
  ...vmRows(),
  ...atomikRows(),
  ...mykernelRows(),
  ...gietRows(),
  ...toolRows(),
};

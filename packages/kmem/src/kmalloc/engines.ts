import { repairBuckets } from "../bucket/repair.ts";
import { Header } from "../memory/layout.ts";
import { repairVirtualMemory } from "../vmalloc/repair.ts";
import type { RecoverableEngine } from "./lock-takeover.ts";

/** All engines that stand on the layers, for what takes over every lock of the dead. */
export const ENGINES: readonly RecoverableEngine[] = [
  [Header.BUCKET_LOCK, repairBuckets],
  [Header.VMALLOC_LOCK, repairVirtualMemory],
];

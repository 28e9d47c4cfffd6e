import * as bucket from "kmem-cli/internal/contenders/bucket";
import * as buddy from "kmem-cli/internal/contenders/buddy";
import * as cluster from "kmem-cli/internal/contenders/cluster";
import * as kmem from "kmem-cli/internal/contenders/kmem";
import * as regionFirst from "kmem-cli/internal/contenders/region-first";
import * as regionWorst from "kmem-cli/internal/contenders/region-worst";
import type { HeapModule } from "kmem-cli/internal/replay/replay-heap";

/** Allocators that a page can replay a trace on, by the names that `kmem replay` gives them. */
export const ALLOCATOR_NAMES = ["kmem", "bucket", "buddy", "cluster", "region-first", "region-worst"] as const;

/** The name of one of them. */
export type AllocatorName = (typeof ALLOCATOR_NAMES)[number];

/** Their modules. */
export const ALLOCATORS: Readonly<Record<AllocatorName, HeapModule>> = {
  kmem,
  bucket,
  buddy,
  cluster,
  "region-first": regionFirst,
  "region-worst": regionWorst,
};

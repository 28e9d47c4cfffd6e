import { GFP_KERNEL } from "../gfp/flags.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { FrameKind } from "../pages/layout.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import { TraceRing } from "../trace/ring.ts";
import type { DebugTracer } from "./findings.ts";

const FIRST_NAMED_CACHE: number = FrameKind.FIRST_CACHE + CLASS_COUNT;

/** Writes what happens to a heap's objects into its ring; undefined where it has none. */
export function ringTracer(layers: Layers): DebugTracer | undefined {
  const ring = TraceRing.find(layers);
  if (ring === undefined) return undefined;
  return {
    alloc: (kind, address, sizeBytes, blockBytes, stack) => {
      if (kind < FIRST_NAMED_CACHE) ring.kmalloc(address, sizeBytes, blockBytes, GFP_KERNEL, stack);
      else ring.cacheAlloc(address, kind, sizeBytes, blockBytes, GFP_KERNEL, stack);
    },
    free: (kind, address, stack) => {
      if (kind < FIRST_NAMED_CACHE) ring.kfree(address, stack);
      else ring.cacheFree(address, kind, stack);
    },
    pageAlloc: (address, sizeBytes) => ring.pageAlloc(address, sizeBytes, GFP_KERNEL),
    pageFree: (address, sizeBytes) => ring.pageFree(address, sizeBytes),
  };
}

import type { Adapter } from "../allocator.ts";
import { atomikAdapter } from "./atomik.ts";
import { bucketAdapter, mykernelAdapter } from "./bucket.ts";
import { cacheAdapter } from "./cache.ts";
import { clusterAdapter, gietAdapter } from "./cluster.ts";
import { debugHeapAdapter, sampledHeapAdapter } from "./debug-heap.ts";
import { heapAdapter, localHeapAdapter } from "./heap.ts";
import { linuxAdapter, vmallocAdapter } from "./linux.ts";
import { oneNodeAdapter, twoNodesAdapter } from "./nodes.ts";
import { pagesAdapter } from "./pages.ts";
import { regionAdapter } from "./region.ts";

/** Every allocator of the library. */
export const ADAPTERS: readonly Adapter[] = [
  heapAdapter,
  localHeapAdapter,
  debugHeapAdapter,
  sampledHeapAdapter,
  oneNodeAdapter,
  twoNodesAdapter(0),
  twoNodesAdapter(1),
  pagesAdapter,
  cacheAdapter(48),
  cacheAdapter(3000),
  vmallocAdapter,
  regionAdapter("worst"),
  regionAdapter("first"),
  bucketAdapter,
  clusterAdapter,
  linuxAdapter,
  atomikAdapter("kmalloc"),
  atomikAdapter("kmalloc_fast"),
  mykernelAdapter,
  gietAdapter,
];

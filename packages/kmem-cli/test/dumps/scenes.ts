import { dumpHeap, Heap } from "kmem";
import { DebugHeap, SampledHeap } from "kmem/debug";
import { GFP_KERNEL, linux } from "kmem/linux";
import { KMALLOC_DEFAULT, mykernel } from "kmem/mykernel";
import { Nodes } from "kmem/nodes";
import { createTraceRing } from "kmem/trace";

/** A sound dump. */
export interface Scene {
  readonly name: string;
  readonly dump: Uint8Array;
}

const KIB = 1024;
const SIZE_BYTES: number = 448 * KIB;

function busy(heap: Heap): Heap {
  const cache = heap.createCache({ name: "objects", sizeBytes: 72 });
  const blocks: number[] = [];
  for (let count = 0; count < 120; count++) {
    blocks.push(heap.alloc(8 + ((count * 37) % 900)));
    cache.alloc();
  }
  for (const [index, block] of blocks.entries()) if (index % 3 === 0) heap.free(block);
  heap.alloc(40 * KIB);
  heap.pages.alloc(3);
  heap.pages.free(heap.pages.alloc(2), 1);
  return heap;
}

function plain(): Heap {
  const heap = busy(Heap.create({ sizeBytes: 2 * SIZE_BYTES, slotCount: 8, dmaBytes: 16 * KIB }));
  const other = Heap.attach(heap.reserve());
  for (let count = 0; count < 60; count++) other.alloc(count * 20);
  return heap;
}

function traced(): Heap {
  const heap = busy(Heap.create({ sizeBytes: SIZE_BYTES, slotCount: 4 }));
  const ring = createTraceRing(heap, 100);
  for (let count = 0; count < 150; count++) {
    ring?.kmalloc(0x1000 + count * 64, 60, 64, 0xcc0, count);
    ring?.pageAlloc(0x1000 * (count + 1), 0x3000, 0xcc0);
    ring?.kfree(0x1000 + count * 64);
  }
  return heap;
}

function faced(): Heap {
  const heap = Heap.create({ sizeBytes: SIZE_BYTES, slotCount: 4 });
  const kernel = linux(heap);
  kernel.kmem_cache_create("inode cache", 300, 8, 0, null, null);
  for (let count = 1; count < 9; count++) kernel.vmalloc(count * 5000);
  kernel.kmalloc(1000, GFP_KERNEL);
  const other = mykernel(heap);
  for (let count = 1; count < 20; count++) other.kmalloc(count * 30, KMALLOC_DEFAULT);
  return heap;
}

/** Heaps of all kinds that the commands read. */
export function scenes(): Scene[] {
  const debugged = busy(
    DebugHeap.create({ sizeBytes: 2 * SIZE_BYTES, slotCount: 4, traceEvents: 64, print: () => {} }),
  );
  const sampled = busy(SampledHeap.create({ sizeBytes: 2 * SIZE_BYTES, slotCount: 4, sampleEvery: 5 }));
  const nodes = Nodes.create({ nodes: [{ sizeBytes: SIZE_BYTES, slotCount: 4 }, { sizeBytes: SIZE_BYTES }] });
  for (let count = 0; count < 90; count++) nodes.alloc(count * 11);
  const grown = busy(Heap.create({ sizeBytes: 512 * KIB, maximumBytes: 4096 * KIB, slotCount: 4 }));
  return [
    { name: "plain", dump: dumpHeap(plain()) },
    { name: "grown", dump: dumpHeap(grown) },
    { name: "debugged", dump: dumpHeap(debugged) },
    { name: "sampled", dump: dumpHeap(sampled) },
    { name: "traced", dump: dumpHeap(traced()) },
    { name: "linux", dump: dumpHeap(faced()) },
    { name: "node", dump: dumpHeap(Heap.attach(nodes.handle.nodes[0]!)) },
  ];
}

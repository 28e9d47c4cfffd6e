// What a program has besides where its lib declares it: disposal at the end of a block, memories of WebAssembly, signals.
import { dumpHeap, Heap } from "kmem";
import type { KmemInspectorElement } from "kmem-inspector";
import { type HeapServer, serveHeap } from "kmem-inspector/serve";

export function useAll(memory: WebAssembly.Memory): number {
  using heap = Heap.create({ memory });
  const source: SharedArrayBuffer | ArrayBuffer | WebAssembly.Memory = heap.source;
  const block = heap.allocWait(100, { signal: AbortSignal.timeout(10) });
  using shrinker = heap.addShrinker({ name: "none", count: () => 0, scan: () => 0 });
  return block + (source === memory ? 1 : 0) + (typeof shrinker === "function" ? 1 : 0);
}

export async function useInspector(element: KmemInspectorElement): Promise<string> {
  const heap = Heap.create({ sizeBytes: 1 << 20 });
  element.live = () => dumpHeap(heap);
  const server: HeapServer = await serveHeap(heap, { port: 0 });
  await server.close();
  return server.url;
}

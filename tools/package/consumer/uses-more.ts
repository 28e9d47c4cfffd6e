// What a program has besides where its lib declares it: disposal at the end of a block, memories of WebAssembly, signals.
import { Heap } from "kmem";

export function useAll(memory: WebAssembly.Memory): number {
  using heap = Heap.create({ memory });
  const source: SharedArrayBuffer | ArrayBuffer | WebAssembly.Memory = heap.source;
  const block = heap.allocWait(100, { signal: AbortSignal.timeout(10) });
  using shrinker = heap.addShrinker({ name: "none", count: () => 0, scan: () => 0 });
  return block + (source === memory ? 1 : 0) + (typeof shrinker === "function" ? 1 : 0);
}

// A stranger's program that uses every sub-path. It is compiled from the tarball, with the language alone declared.
import {
  allocString,
  checkHeap,
  dumpHeap,
  Heap,
  type HeapHandle,
  KmemError,
  LocalHeap,
  loadDump,
  readString,
} from "kmem";
import { atomik } from "kmem/atomik";
import { DebugHeap, openHeap } from "kmem/debug";
import { giet, MIN_BLOCK_SIZE } from "kmem/giet";
import { CLASS_COUNT, classBytes, Header } from "kmem/layout";
import { GFP_KERNEL, linux } from "kmem/linux";
import { mykernel } from "kmem/mykernel";
import { Nodes } from "kmem/nodes";
import { buddyinfo, slabinfo } from "kmem/proc";
import { parseStack } from "kmem/profile";
import { createTraceRing, traceText } from "kmem/trace";
import { adopt } from "kmem/wasm";

export function useOneThread(): number {
  const heap = LocalHeap.create({ sizeBytes: 1 << 20 });
  const block: number = heap.alloc(100);
  heap.u8(block)[0] = 42;
  heap.free(block);
  heap.dispose();
  return block;
}

export function useThreads(send: (handle: HeapHandle) => void): string {
  const heap = Heap.create({ sizeBytes: 1 << 20 });
  send(heap.handle);
  const text = allocString(heap, "shared");
  const source: SharedArrayBuffer | ArrayBuffer | { readonly buffer: ArrayBuffer | SharedArrayBuffer } = heap.source;
  const waited: number = heap.allocWait(100, { timeoutMs: 10, signal: { throwIfAborted(): void {} } });
  heap.free(waited);
  const removeShrinker = heap.addShrinker({ name: "none", count: () => 0, scan: () => 0 });
  removeShrinker();
  const copy: Heap = loadDump(dumpHeap(heap));
  return `${readString(copy, text)} ${checkHeap(heap).findings.length} ${typeof source}`;
}

export function useSubPaths(memory: SharedArrayBuffer): unknown[] {
  const heap = DebugHeap.create({ sizeBytes: 1 << 22, debug: "FZPU" });
  const ring = createTraceRing(heap, 64);
  const nodes = Nodes.create({ memories: [], home: 0 } as never);
  return [
    atomik(memory).constructor,
    giet,
    MIN_BLOCK_SIZE,
    classBytes(CLASS_COUNT - 1) + Header.FLAGS,
    linux(heap).kmalloc(100, GFP_KERNEL),
    mykernel(heap),
    nodes.tryAlloc(10),
    [buddyinfo(heap), slabinfo(heap)],
    parseStack(new Error("here").stack ?? ""),
    [ring, traceText(heap)],
    openHeap(memory).slot,
    adopt(new Uint8Array(0)).memory.isShared,
  ];
}

export function codeOf(error: unknown): string {
  return error instanceof KmemError ? error.code : "none";
}

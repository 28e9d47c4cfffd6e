import { type AllocationScope, BugReport, DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { checkHeap, dumpHeap, Heap, type HeapHandle, heapStats, LocalHeap } from "../../src/index.ts";
import { type Atomik, atomik } from "../../src/kernels/atomik/atomik.ts";
import { type Giet, giet, VOBJ_TYPE_HEAP } from "../../src/kernels/giet/giet.ts";
import { GFP_KERNEL, type Linux, LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { type MyKernel, mykernel } from "../../src/kernels/mykernel/mykernel.ts";
import { Nodes } from "../../src/nodes/index.ts";
import {
  CallReader,
  createTraceRing,
  type HeapRecording,
  recordHeap,
  TraceReader,
  type TraceRing,
  traceNames,
} from "../../src/trace/index.ts";
import { adopt, cMalloc, Memcheck, MemcheckReport, programHeapOptions } from "../../src/wasm/index.ts";
import { buildModule } from "../wasm/support/module-builder.ts";
import { toyFree, toyMalloc } from "../wasm/support/toy-allocator.ts";

/** What calls are made on: objects of the library with something in them, and the memories that all of it is in. */
export interface World {
  /** The objects whose functions are called, by the names that the table has for them. */
  readonly subjects: Readonly<Record<string, object>>;
  /** Arguments that are right, by name. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly memories: readonly ArrayBufferLike[];
  /** What is broken, or undefined. */
  fault(): string | undefined;
}

const HEAP_BYTES = 512 * 1024;
const PAGE = 4096;
/** Pages of 64 KiB that an adopted program has, and what of them is its data. */
const PROGRAM_PAGES = 32;
const PROGRAM_DATA_BYTES = 131_072;
const quiet = (): LogRing => new LogRing(undefined, 16);

function faultOf(check: () => { readonly findings: readonly unknown[] }): () => string | undefined {
  return () => {
    const [finding] = check().findings;
    return finding === undefined ? undefined : JSON.stringify(finding);
  };
}

/** Addresses of each sort in a heap. */
function filled(heap: Heap): Record<string, unknown> {
  const gone = heap.alloc(100);
  const block = heap.alloc(100);
  heap.free(gone);
  const cache = heap.createCache({ name: "objects", sizeBytes: 48 });
  const object = cache.alloc();
  const array = heap.u32(heap.alloc(64));
  const pages = heap.pages.alloc(3);
  const large = heap.alloc(10 * PAGE);
  const place = (heap.reserve() as Required<HeapHandle>).place;
  return { heap, gone, block, array, cache, object, pages, large, deadSlot: place.slot, handle: heap.handle };
}

function heapWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES, dmaBytes: 16 * PAGE });
  const values = filled(heap);
  const subjects = { heap, cache: values["cache"] as object, pages: heap.pages };
  return { subjects, values, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

function localWorld(): World {
  const heap = LocalHeap.create({ sizeBytes: HEAP_BYTES });
  const gone = heap.alloc(100);
  const block = heap.alloc(100);
  heap.free(gone);
  const cache = heap.createCache({ name: "objects", sizeBytes: 48 });
  const values = { heap, gone, block, cache, object: cache.alloc(), pages: heap.pages.alloc(3), deadSlot: 1 };
  const subjects = { localHeap: heap, localCache: cache, localPages: heap.pages };
  return { subjects, values, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

function growingWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES, maximumBytes: 2 * HEAP_BYTES });
  const values = filled(heap);
  const subjects = { growingHeap: heap, growingPages: heap.pages };
  return { subjects, values, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

function exactWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES, exactFrees: true });
  const values = filled(heap);
  const subjects = { exactHeap: heap, exactCache: values["cache"] as object };
  return { subjects, values, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

function debugWorld(): World {
  const reports: BugReport[] = [];
  const heap = DebugHeap.create({
    sizeBytes: HEAP_BYTES,
    report: (report) => reports.push(report),
    print: () => {},
    traceEvents: 8,
  });
  const values = filled(heap);
  const scope: AllocationScope = heap.scope("hostile");
  const report = new BugReport({
    cache: "kmalloc-64",
    reason: "Object corrupt",
    bytes: undefined,
    address: undefined,
    block: undefined,
    dump: [],
    stack: "",
    fix: undefined,
  });
  const subjects = { debugHeap: heap, debugCache: values["cache"] as object, debugPages: heap.pages, scope, report };
  return { subjects, values: { ...values, report }, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

function sampledWorld(): World {
  const heap = SampledHeap.create({ sizeBytes: HEAP_BYTES, sampleEvery: 1, report: () => {} });
  const values = filled(heap);
  return { subjects: { sampledHeap: heap }, values, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

function nodesWorld(): World {
  const nodes = Nodes.create({ nodes: [{ sizeBytes: HEAP_BYTES }, { sizeBytes: HEAP_BYTES }] });
  const values = { nodes, block: nodes.alloc(100), there: nodes.allocOn(1, 100), handle: nodes.handle };
  const memories = nodes.handle.nodes.map(({ memory }) => memory as SharedArrayBuffer);
  return { subjects: { nodes }, values, memories, fault: faultOf(() => nodes.check()) };
}

function linuxWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES, dmaBytes: 16 * PAGE });
  const kernel: Linux = linux(heap, quiet());
  const cachep = kernel.kmem_cache_create("inode", 96, 0, 0, null, null);
  const pages = kernel.__get_free_pages(GFP_KERNEL, 1);
  const values = {
    heap,
    block: kernel.kmalloc(100, GFP_KERNEL),
    cachep,
    object: kernel.kmem_cache_alloc(cachep, GFP_KERNEL),
    pages,
    page: kernel.virt_to_page(pages),
    area: kernel.vmalloc(10_000),
    map: kernel.vmap([kernel.virt_to_page(pages)]),
    pool: kernel.mempool_create_kmalloc_pool(2, 64),
    element: kernel.kmalloc(64, GFP_KERNEL),
    functionPool: kernel.mempool_create(
      1,
      (mask) => kernel.kmalloc(32, mask),
      (element) => kernel.kfree(element),
      0,
    ),
  };
  const { vm } = kernel;
  // Pages that are mapped are their owner's to keep: calls that are right may free them.
  const check = (): { readonly findings: readonly unknown[] } => {
    return { findings: kernel.check().findings.filter(({ problem }) => !problem.includes("which is not in use")) };
  };
  return { subjects: { linux: kernel, vm }, values, memories: [heap.buffer], fault: faultOf(check) };
}

function atomikWorld(): World {
  const memory = new SharedArrayBuffer(HEAP_BYTES);
  const kernel: Atomik = atomik(memory, quiet());
  const region = kernel.kmalloc_init(4096, 65_535);
  const range = kernel.mm_register_region(131_072, 262_143);
  const values = { memory, region, range, chunk: kernel.kmalloc(100, region), pages: kernel.page_alloc(3) };
  const fault = faultOf(() => ({ findings: kernel.check() }));
  return { subjects: { atomik: kernel }, values, memories: [memory], fault };
}

function mykernelWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const kernel: MyKernel = mykernel(heap, quiet());
  const values = { heap, block: kernel.kmalloc(100, 0), dma: kernel.kmalloc_dma(5000) };
  return { subjects: { mykernel: kernel }, values, memories: [heap.buffer], fault: faultOf(() => kernel.check()) };
}

/** One cluster of 128 KiB with a heap of half of it. */
export function gietConfig(memory: SharedArrayBuffer = new SharedArrayBuffer(131_072)): {
  clusters: { memory: SharedArrayBuffer; vsegs: { type: string; base: number; length: number }[] }[][];
} {
  return { clusters: [[{ memory, vsegs: [{ type: VOBJ_TYPE_HEAP, base: 0x10000, length: 0x10000 }] }]] };
}

function gietWorld(): World {
  const memory = new SharedArrayBuffer(131_072);
  const kernel: Giet = giet(gietConfig(memory), quiet());
  kernel._heap_init();
  const values = { memory, block: kernel._malloc(100) };
  const kernelHeap = kernel.kernel_heap[0]![0]!;
  return { subjects: { giet: kernel, kernelHeap }, values, memories: [memory], fault: faultOf(() => kernel.check()) };
}

function traceWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const ring = createTraceRing(heap, 8) as TraceRing;
  ring.kmalloc(4096, 10, 16, 0);
  const reader = new TraceReader(ring);
  const [event] = new TraceReader(ring).read();
  const names = traceNames(heap);
  const recording = recordHeap(heap, { callCount: 1 }) as HeapRecording;
  const calls = new CallReader(heap);
  const values = { heap, ring, event, names, address: ring.address };
  return {
    subjects: { ring, reader, names, recording, calls },
    values,
    memories: [heap.buffer],
    fault: faultOf(() => checkHeap(heap)),
  };
}

function wasmWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const cFace = cMalloc(heap, { report: () => {} });
  const module = buildModule({
    functions: [toyMalloc(), toyFree()],
    globals: [{ value: PROGRAM_DATA_BYTES, isMutable: false, exportAs: "__heap_base" }],
    memory: { pages: PROGRAM_PAGES },
  });
  const newProgramMemory = () => new WebAssembly.Memory({ initial: PROGRAM_PAGES });
  const program = { exports: { memory: newProgramMemory() }, maximumBytes: HEAP_BYTES };
  // One that can be read as often as it is asked.
  const response = Object.assign(new Response(), { arrayBuffer: async () => module.buffer });
  const blocks = { block: cFace.malloc(100), other: cFace.malloc(100) };
  const tracked = DebugHeap.create({ sizeBytes: HEAP_BYTES, report: () => {} });
  const checked = adopt(module, { check: "memcheck" });
  const open = () => programHeapOptions(checked, { ...program, exports: { memory: newProgramMemory() } });
  let report: MemcheckReport | undefined;
  const memcheck = new Memcheck(checked, open, {
    report: (told) => {
      report = told;
    },
  });
  memcheck.imports.free(memcheck.imports.malloc(100) + 4);
  const facts = { kind: "double-free", address: 8, sizeBytes: 0, where: "", block: undefined, stack: [5] } as const;
  const memcheckReport = new MemcheckReport(facts);
  const noting = adopt(module, { stacks: true });
  const { memory } = program.exports;
  const modules = { module, adopted: adopt(module), checked, noting };
  const values = { heap, ...blocks, ...modules, memory, program, response, tracked, report };
  const memories = [heap.buffer, tracked.buffer, memcheck.heap.buffer];
  return { subjects: { cFace, memcheck, memcheckReport }, values, memories, fault: faultOf(() => checkHeap(heap)) };
}

/** For functions that work on no memory. */
function plainWorld(): World {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const frame = { functionName: "f", url: "file:///a.js", line: 1, column: 2 };
  const sample = { stack: [frame], liveCount: 1, liveBytes: 16, allocCount: 2, allocBytes: 32 };
  const profile = { samples: [sample], startedAtMs: 1, durationMs: 2 };
  const values = { heap, dump: dumpHeap(heap), stats: heapStats(heap), profile, handle: heap.handle };
  return { subjects: { logRing: quiet() }, values, memories: [heap.buffer], fault: faultOf(() => checkHeap(heap)) };
}

/** Each world anew. */
export const WORLDS = {
  local: localWorld,
  heap: heapWorld,
  growing: growingWorld,
  exact: exactWorld,
  debug: debugWorld,
  sampled: sampledWorld,
  nodes: nodesWorld,
  linux: linuxWorld,
  atomik: atomikWorld,
  mykernel: mykernelWorld,
  giet: gietWorld,
  trace: traceWorld,
  wasm: wasmWorld,
  plain: plainWorld,
} satisfies Record<string, () => World>;

export type WorldName = keyof typeof WORLDS;

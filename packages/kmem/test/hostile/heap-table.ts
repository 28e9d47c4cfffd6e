import {
  amount,
  anything,
  callable,
  count,
  exactCount,
  type Kind,
  listOf,
  nothingElse,
  optional,
  optionsOf,
  someCount,
  text,
  truth,
  uint32,
  within,
} from "./kinds.ts";
import { arg, named, of, type Row, row } from "./rows.ts";

const pagesUpTo64KiB: Kind = {
  name: "1 to 16 pages",
  accepts: (value) => within(4096, 65_536).accepts(value) && Number(value) % 4096 === 0,
};
const signal: Kind = { name: "a signal", accepts: (value) => value instanceof AbortSignal };
const worker: Kind = { name: "a worker", accepts: () => false };
const wait = { timeoutMs: amount, signal };
const area = { alignmentBytes: someCount, dma: truth, reserve: truth };
const functions = { construct: callable, destruct: callable };
const cacheName: Kind = {
  name: "a name",
  accepts: (value) => typeof value === "string" && /^[\x20-\x7e]{1,32}$/.test(value),
};
const cacheOptions = optionsOf({
  ...functions,
  name: cacheName,
  sizeBytes: within(1, 131_072),
  alignmentBytes: within(1, 4096),
  colourBytes: within(0, 131_072),
  dma: truth,
  keepsSlabs: truth,
  ownerFlags: within(0, 2 ** 23 - 1),
});
const debugCacheOptions = optionsOf({ ...cacheOptions.options, debug: text });
const heapOptions = {
  memory: nothingElse,
  start: uint32,
  end: uint32,
  sizeBytes: within(0, 2 ** 32),
  maximumBytes: within(0, 2 ** 32),
  shared: truth,
  slotCount: within(1, 126),
  namedCacheCount: within(0, 168),
  dmaBytes: within(0, 2 ** 32),
  exactFrees: truth,
  sheafBlocks: within(2, 1024),
  slabBytes: pagesUpTo64KiB,
  // Of a memory that is a new one there is no function of the caller's that grows it.
  grow: nothingElse,
  onGrow: callable,
};
const { shared: _shared, slotCount: _slotCount, exactFrees: _exactFrees, ...localOptions } = heapOptions;
const faults = optionsOf({
  probability: { name: "a share", accepts: (value) => typeof value === "number" && value >= 0 && value <= 1 },
  interval: someCount,
  space: exactCount,
  times: amount,
  caches: listOf(text),
  sizeMin: amount,
  sizeMax: amount,
  seed: exactCount,
});
const stacks: Kind = { name: "a source of stacks", accepts: () => false };
const thread = {
  stacks,
  report: callable,
  print: callable,
  panic: truth,
  stackDepth: exactCount,
  quarantineBytes: amount,
  quarantineCount: amount,
  randomReuse: truth,
  zeroOnAlloc: truth,
  zeroOnFree: truth,
  faults,
};
const sampling = {
  stacks,
  sampleEvery: within(1, 2 ** 30),
  guardedCount: within(2, 2 ** 32 - 1),
  report: callable,
  panic: truth,
  stackDepth: exactCount,
};
const viewType: Kind = { name: "a class of typed arrays", accepts: (value) => value === Uint32Array };

const size = arg(uint32, 64);
const block = of(uint32, "block");
const any = of(anything, "block");
const noOptions = (options: Readonly<Record<string, Kind>>): ReturnType<typeof arg> =>
  arg(optional(optionsOf(options)), undefined);

/** Options of a wait, which ends at once: with other threads attached it might not end at all. */
const atOnce = (options: Readonly<Record<string, Kind>>): ReturnType<typeof arg> =>
  arg(optional(optionsOf(options)), { timeoutMs: 0 });

/** Rows of every class of heap, with those of a cache and of its pages where there are some. */
export function heapRows(heap: string, cache: string | undefined, pages: string | undefined): Record<string, Row> {
  const isDebugged = heap === "debugHeap";
  const length = arg(optional(count), 2);
  const rows = {
    alloc: row(size),
    tryAlloc: row(size),
    free: row(block),
    detach: row(),
    dispose: row(),
    toString: row(),
    allocWait: row(size, atOnce(wait)),
    allocAsync: row(size, atOnce(wait)),
    addShrinker: row(arg(nothingElse, { name: "none", count: () => 0, scan: () => 0 })),
    calloc: row(arg(uint32, 2), size),
    realloc: row(block, size),
    alignedAlloc: row(arg(uint32, 64), size),
    usableSize: row(block),
    createCache: row(arg(isDebugged ? debugCacheOptions : cacheOptions, { name: "more", sizeBytes: 64 })),
    openCache: row(arg(text, "objects"), noOptions(functions)),
    trim: row(),
    view: row(arg(viewType, Uint32Array), block, length),
    u8: row(block, length),
    i32: row(block, length),
    u32: row(block, length),
    f64: row(block, length),
    reserve: row(),
  };
  const cacheRows = {
    alloc: row(),
    allocWait: row(atOnce(wait)),
    tryAlloc: row(),
    free: row(of(uint32, "object")),
    stats: row(),
    shrink: row(
      arg(optional({ ...count, accepts: (v) => exactCount.accepts(v) || v === Number.POSITIVE_INFINITY }), 1),
    ),
    destroy: row(),
    dispose: row(),
  };
  const pageRows = {
    alloc: row(arg(someCount, 2), noOptions(area)),
    tryAlloc: row(arg(someCount, 2), noOptions(area)),
    allocWait: row(arg(someCount, 2), atOnce({ ...area, ...wait })),
    free: row(of(uint32, "pages"), arg(uint32, 3)),
    stats: row(),
  };
  return {
    ...named(heap, rows),
    ...Object.fromEntries(Object.entries(heapFunctionRows()).map(([name, one]) => [`${name} ${heap}`, one])),
    ...(cache === undefined ? {} : named(cache, cacheRows)),
    ...(pages === undefined ? {} : named(pages, pageRows)),
  };
}

/** Rows of a heap of one thread: what a heap has that is not about threads. */
export function localHeapRows(): Record<string, Row> {
  const ofThreads = ["allocWait", "allocAsync", "reserve"].map((name) => `localHeap.${name}`);
  const recovery = ["reapSlot", "watchWorker"].map((name) => `${name} localHeap`);
  const rows = Object.entries(heapRows("localHeap", "localCache", "localPages"));
  return Object.fromEntries(rows.filter(([name]) => ![...ofThreads, ...recovery].includes(name)));
}

/** The functions whose first argument is a heap, without that argument. */
function heapFunctionRows(): Record<string, Row> {
  return {
    blockAt: row(any),
    blocksOf: row(),
    checkHeap: row(),
    dumpHeap: row(),
    heapStats: row(noOptions({ emptyCaches: truth })),
    ownerOf: row(any),
    reapSlot: row(of(uint32, "deadSlot"), noOptions({ blocks: text, to: uint32, generation: exactCount })),
    repairHeap: row(),
    slotStats: row(),
    transferBlock: row(block, arg(uint32, 0)),
    watchWorker: row(
      arg(worker, { once: () => {}, terminate: () => {} }),
      of(nothingElse, "handle"),
      arg(anything, {}),
    ),
  };
}

/** The same functions, with all their arguments. */
function moduleFunctionRows(): Record<string, Row> {
  const heap = of(nothingElse, "heap");
  return Object.fromEntries(
    Object.entries(heapFunctionRows()).map(([name, one]) => [`kmem ${name}`, { ...one, args: [heap, ...one.args] }]),
  );
}

/** What debugged and sampled heaps have besides. */
export function debugRows(): Record<string, Row> {
  const scan = {
    roots: listOf({ name: "a root", accepts: (value) => typeof value === "number" }),
    notLeaks: listOf({ name: "an address", accepts: (value) => typeof value === "number" }),
    ignored: listOf({ name: "an address", accepts: (value) => typeof value === "number" }),
    minAgeMs: amount,
  };
  return {
    "debugHeap.validate": row(),
    "debugHeap.leaks": row(noOptions({ slot: exactCount, minAgeMs: amount })),
    "debugHeap.profile": row(),
    "debugHeap.stackOf": row(arg(anything, 1)),
    "debugHeap.scanForLeaks": row(arg(optionsOf(scan), { roots: [] })),
    "debugHeap.scope": row(arg(optional(text), "more")),
    "debugHeap.injectFaults": row(arg(optional(faults), { times: 1 })),
    "sampledHeap.samplingStats": row(),
    "scope.objects": row(),
    "scope.leaks": row(),
    "scope.dispose": row(),
    "report.text": row(arg(optional(callable), (frame: string) => frame)),
    "report.toString": row(),
    "report.toJSON": row(),
    "kmem/debug sitesText": row(arg(listOf(nothingElse), []), arg(optional(callable), undefined)),
    "kmem/debug unreferencedText": row(
      { kind: nothingElse, good: ({ values }) => values["heap"] },
      arg(listOf(nothingElse), []),
      arg(optional(callable), undefined),
    ),
  };
}

/** Functions of the modules, and the ways to a heap. */
export function libraryRows(): Record<string, Row> {
  const dump = of(nothingElse, "dump");
  const heap = of(nothingElse, "heap");
  const source = of(nothingElse, "handle");
  const place = { start: within(0, 2 ** 32) };
  const made = row(arg(nothingElse, undefined));
  return {
    "Heap.create": row(arg(optional(optionsOf(heapOptions)), { sizeBytes: 2 ** 20 })),
    "LocalHeap.create": row(arg(optional(optionsOf(localOptions)), { sizeBytes: 2 ** 20 })),
    "new LocalHeap": made,
    "Heap.attach": row(source, noOptions(place)),
    "kmem loadDump": row(dump),
    "DebugHeap.create": row(
      arg(optional(optionsOf({ ...heapOptions, ...thread, debug: text, traceEvents: within(1, 2 ** 24) })), {
        sizeBytes: 2 ** 20,
        print: () => {},
      }),
    ),
    "DebugHeap.attach": { ...row(source, noOptions({ ...thread, ...place })), world: "debug" },
    "DebugHeap.load": { ...row(arg(nothingElse, undefined), noOptions(thread)), world: "debug" },
    "SampledHeap.create": row(arg(optional(optionsOf({ ...heapOptions, ...sampling })), { sizeBytes: 2 ** 20 })),
    "SampledHeap.attach": { ...row(source, noOptions({ ...sampling, ...place })), world: "sampled" },
    "SampledHeap.load": { ...row(arg(nothingElse, undefined), noOptions(sampling)), world: "sampled" },
    ...moduleFunctionRows(),
    "kmem allocArray": row(heap, arg(viewType, Uint32Array), arg(exactCount, 10)),
    "kmem freeArray": row(heap, of(nothingElse, "array")),
    "kmem allocString": row(heap, arg(text, "text")),
    "kmem hasCode": row(arg(anything, new Error("some")), arg(anything, "BAD_SIZE")),
    "kmem readString": row(heap, block, arg(optional(count), 2)),
    "kmem checkDump": row(dump),
    "kmem describeDump": row(dump),
    "kmem dumpByteLength": row(dump),
    "kmem repairDump": row(dump),
    "kmem/debug checkDump": row(dump),
    "kmem/debug repairDump": row(dump),
    "kmem countFindings": row(arg(listOf(anything), [])),
    "kmem/debug openHeap": row(dump, noOptions(place)),
    // What nobody makes by hand.
    "new Heap": made,
    "new DebugHeap": made,
    "new SampledHeap": made,
    "new Nodes": made,
    "new KmemError": row(arg(anything, "BAD_SIZE"), arg(anything, "text"), arg(anything, {})),
    "new GietError": row(arg(anything, "BAD_SIZE"), arg(anything, "text"), arg(anything, {})),
    "new OutOfMemoryError": row(arg(anything, { askedBytes: 1, freeBytes: 2, largestFreeRunBytes: 3 })),
    "new NodesOutOfMemoryError": row(arg(anything, 1), arg(anything, [])),
    "new BugReport": row(arg(anything, {})),
  };
}

/** Rows of a machine of nodes. */
export function nodesRows(): Record<string, Row> {
  const node = arg(within(0, 1), 1);
  const there: Kind = { name: "an address", accepts: (value) => Number.isInteger(value) };
  const address = of(there, "block");
  const length = arg(optional(count), 2);
  const rows = {
    alloc: row(size),
    free: row(address),
    tryAlloc: row(size),
    allocOn: row(node, size, noOptions({ thisNode: truth })),
    calloc: row(arg(uint32, 2), size),
    alignedAlloc: row(arg(uint32, 64), size),
    realloc: row(address, size),
    usableSize: row(address),
    nodeOf: row(address),
    view: row(arg(viewType, Uint32Array), address, length),
    u8: row(address, length),
    i32: row(address, length),
    u32: row(address, length),
    f64: row(address, length),
    stats: row(),
    check: row(),
    trim: row(),
    detach: row(),
    dispose: row(),
    reserve: row(),
    watch: row(arg(worker, { once: () => {}, terminate: () => {} }), of(nothingElse, "handle"), arg(anything, {})),
  };
  const tables = { nodes: nothingElse, distances: nothingElse };
  const config = arg(optionsOf({ ...tables, home: within(0, 0) }), { nodes: [{ sizeBytes: 2 ** 20 }] });
  return {
    ...named("nodes", rows),
    "Nodes.create": row(config),
    "Nodes.attach": {
      ...row(of(nothingElse, "handle"), arg(optionsOf({ home: within(0, 1) }), { home: 0 })),
      world: "nodes",
    },
  };
}

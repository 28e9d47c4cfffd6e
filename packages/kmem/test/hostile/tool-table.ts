import {
  amount,
  anyNumber,
  anything,
  callable,
  type Kind,
  listOf,
  nothingElse,
  optional,
  optionsOf,
  text,
  truth,
  uint32,
  within,
} from "./kinds.ts";
import { type Argument, arg, named, of, type Row, row } from "./rows.ts";

const heap: Argument = of(nothingElse, "heap");
const oneOf = (...texts: readonly string[]): Kind => ({
  name: texts.join(" or "),
  accepts: (value) => typeof value === "string" && texts.includes(value),
});
const options = (known: Readonly<Record<string, Kind>>): Argument => arg(optional(optionsOf(known)), undefined);

/** Rows of `kmem/proc`, `kmem/profile`, `kmem/trace`, `kmem/wasm`, `kmem/layout`, and of what all kernels print to. */
export function toolRows(): Record<string, Row> {
  return { ...procRows(), ...profileRows(), ...traceRows(), ...wasmRows(), ...layoutRows(), ...consoleRows() };
}

function procRows(): Record<string, Row> {
  const vm = arg(optional(nothingElse), undefined);
  return {
    "kmem/proc slabinfo": row(heap),
    "kmem/proc buddyinfo": row(heap),
    "kmem/proc vmallocinfo": row(vm),
    "kmem/proc meminfo": row(heap, vm),
    "kmem/proc slabtop": row(heap, options({ sort: oneOf(..."abclvnopsu") })),
    "kmem/proc findVmalloc": row(heap),
  };
}

function profileRows(): Record<string, Row> {
  const profile = of(nothingElse, "profile");
  const figure = oneOf("allocCount", "allocBytes", "liveCount", "liveBytes");
  const list = listOf(nothingElse);
  const timeline = optionsOf({
    processName: text,
    counterName: text,
    snapshots: list,
    instants: list,
    slowPaths: list,
  });
  const labels: Kind = { name: "labels", accepts: (value) => typeof value === "object" && value !== null };
  return {
    "kmem/profile collapsedText": row(profile, options({ figure, withPlaces: truth })),
    "kmem/profile heapProfileText": row(profile, options({ figure: oneOf("liveBytes", "allocBytes") })),
    "kmem/profile pprofBytes": row(profile),
    "kmem/profile totalOf": row(profile, arg(figure, "liveBytes")),
    "kmem/profile speedscopeText": row(
      arg(nothingElse, [{ name: "a", profile: { samples: [], startedAtMs: 0, durationMs: 0 } }]),
    ),
    "kmem/profile openMetricsText": row(of(nothingElse, "stats"), options({ labels })),
    "kmem/profile traceEventsText": row(arg(timeline, {})),
    "kmem/profile parseStack": row(arg(text, "Error\n    at f (a.js:1:2)")),
    "kmem/profile gzipped": row(
      arg({ name: "bytes", accepts: (value) => value instanceof Uint8Array }, new Uint8Array(4)),
    ),
  };
}

function traceRows(): Record<string, Row> {
  const clock = { clock: callable };
  const traced = (one: Row): Row => ({ ...one, world: "trace" });
  const number = arg(anyNumber, 64);
  const later = arg(optional(anyNumber), 0);
  return {
    "new TraceReader": traced(row(of(nothingElse, "ring"))),
    "kmem/trace createTraceRing": traced(row(heap, arg(within(1, 2 ** 24), 8), options(clock))),
    "kmem/trace openTraceRing": traced(row(heap, of(uint32, "address"), options(clock))),
    "kmem/trace findTraceRing": traced(row(heap, options(clock))),
    "kmem/trace recordHeap": traced(row(heap, options({ callCount: within(1, 2 ** 26) }))),
    "new CallReader": traced(row(heap)),
    "calls.read": row(options({ isLast: truth })),
    "recording.stop": row(),
    "recording.discard": row(),
    "kmem/trace traceNames": traced(row(heap)),
    "kmem/trace traceText": traced(row(heap, arg(optional(nothingElse), undefined))),
    "kmem/trace traceParts": traced(row(heap, arg(optional(nothingElse), undefined))),
    "kmem/trace ftraceHeader": row(arg(nothingElse, { shownCount: 0, lostCount: 0, slotCount: 1 })),
    "kmem/trace ftraceText": traced(row(of(nothingElse, "event"), of(nothingElse, "names"))),
    "ring.kmalloc": row(number, number, number, number, later, later),
    "ring.kfree": row(number, later),
    "ring.cacheAlloc": row(number, number, number, number, number, later, later),
    "ring.cacheFree": row(number, number, later),
    "ring.pageAlloc": row(number, number, number, later),
    "ring.pageFree": row(number, number, later),
    "ring.write": row(number, number, number, number, number, number, number, number),
    "ring.end": row(),
    "reader.read": row(arg(optional(amount), undefined)),
    "names.task": row(number),
    "names.cache": row(number),
    "names.callSite": row(number),
    "names.gfp": row(number),
    "names.page": row(number),
  };
}

function wasmRows(): Record<string, Row> {
  const word = arg(anyNumber, 64);
  const block = of(anyNumber, "block");
  const errors: Kind = { name: "numbers of errors", accepts: () => false };
  const how = options({
    address: oneOf("i32", "i64"),
    setErrno: callable,
    errors,
    misuse: oneOf("report", "throw"),
    report: callable,
    reallocZero: oneOf("block", "free"),
  });
  const anObject: Kind = { name: "an object", accepts: (value) => typeof value === "object" && value !== null };
  const noKeys = (value: unknown): boolean =>
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
  const functions: Kind = { name: "functions by their roles", accepts: noKeys };
  const adoptOptions = options({
    functions,
    glue: text,
    heapBase: uint32,
    harmless: listOf(nothingElse),
    check: oneOf("memcheck"),
    findUndefined: truth,
    stacks: truth,
    merge: truth,
    deferStart: truth,
  });
  const report = () => {};
  const checkOptions = optionsOf({
    report: callable,
    quarantineBytes: uint32,
    stackDepth: within(1, 1024),
    setErrno: callable,
  });
  return {
    "kmem/wasm adopt": { ...row(of(nothingElse, "module"), adoptOptions), world: "wasm" },
    "kmem/wasm adoptStreaming": { ...row(of(nothingElse, "response"), adoptOptions), world: "wasm" },
    "kmem/wasm programHeapOptions": { ...row(of(nothingElse, "adopted"), of(nothingElse, "program")), world: "wasm" },
    "kmem/wasm programStacks": {
      ...row(of(nothingElse, "noting"), of(nothingElse, "memory"), options({ depth: within(1, 1024) })),
      world: "wasm",
    },
    "kmem/wasm bindProgram": { ...row(heap, arg(anObject, {})), world: "wasm" },
    "kmem/wasm exposeStack": { ...row(of(nothingElse, "module")), world: "wasm" },
    "kmem/wasm programFrames": { ...row(of(nothingElse, "module"), options({ originOf: callable })), world: "wasm" },
    "kmem/wasm programLeaks": {
      ...row(of(nothingElse, "tracked"), arg(nothingElse, { heapBase: 4096 })),
      world: "wasm",
    },
    "kmem/wasm cMalloc": row(of(callable, "heap"), how),
    "new Memcheck": {
      ...row(
        of(nothingElse, "checked"),
        arg(callable, () => ({})),
        arg(checkOptions, { report }),
      ),
      world: "wasm",
    },
    "new MemcheckReport": row(arg(anything, {})),
    "memcheck.leaks": row(arg(nothingElse, { heapBase: 4096 })),
    "memcheck.hostImports": row(arg(anything, {})),
    "memcheck.repeatsOf": row(of(nothingElse, "report")),
    "memcheck.trim": row(),
    "memcheckReport.text": row(arg(callable, () => "")),
    ...named("cFace", {
      malloc: row(word),
      free: row(of(anyNumber, "other")),
      calloc: row(word, word),
      realloc: row(block, word),
      aligned_alloc: row(word, word),
      memalign: row(word, word),
      posix_memalign: row(block, word, word),
      malloc_usable_size: row(block),
      reallocarray: row(block, word, word),
    }),
  };
}

function layoutRows(): Record<string, Row> {
  const byte = arg(within(0, 255), 1);
  return {
    "kmem/layout classBytes": row(arg(within(0, 71), 1)),
    "kmem/layout groupTableBytes": row(arg(within(0, 2 ** 20), 0), arg(within(0, 2 ** 20), 2 ** 20)),
    "kmem/layout tableLayout": row(arg(within(0, 2 ** 20 - 1), 0), arg(within(1, 2 ** 20), 2 ** 20)),
    "kmem/layout isCached": row(byte),
    "kmem/layout isLive": row(byte),
  };
}

function consoleRows(): Record<string, Row> {
  return {
    "new LogRing": row(arg(optional(callable), undefined), arg(optional(within(1, 2 ** 24)), undefined)),
    "logRing.print": row(arg(text, "a message")),
    "logRing.messages": row(),
    "logRing.clear": row(),
  };
}

import { HEAP_CHECKS, type HeapOptions } from "../heap/options.ts";
import {
  anyValue,
  type Checks,
  requireAmount,
  requireBoolean,
  requireCount,
  requireFunction,
  requireWhole,
} from "../memory/arguments.ts";
import { TRACE_EVENTS_MAX } from "../trace/layout.ts";
import type { DebuggingOptions } from "./debugging.ts";
import { type FaultOptions, requireFaults } from "./fault-injection.ts";
import type { BugReport } from "./report.ts";
import { DEFAULT_STACK_DEPTH, requireStackSource, type StackSource } from "./stack.ts";

/** How one thread debugs a heap. */
export interface DebugThreadOptions {
  /** Gets each bug that is found. Default: its text goes to console.error, or to the console of the face at work. */
  readonly report?: (report: BugReport) => void;
  /** Gets what the letter T prints. Default: as for `report`. */
  readonly print?: (message: string) => void;
  /** A corruption that is found throws CORRUPTION instead of being repaired. Default false. */
  readonly panic?: boolean;
  /** Frames of a stack that are kept, with the letter U. Default 16. */
  readonly stackDepth?: number;
  /** What is asked for stacks before the engine, which takes 10 to 40 µs for one. Default: nothing. */
  readonly stacks?: StackSource;
  /** Bytes of freed blocks that are kept from reuse; 0 for none. Default 1 MiB, or a sixteenth of the heap. */
  readonly quarantineBytes?: number;
  /** Freed blocks that are kept from reuse. Default: as many as have room. */
  readonly quarantineCount?: number;
  /** Blocks leave the quarantine in random order. Default false. */
  readonly randomReuse?: boolean;
  /** Blocks are zero when they are allocated, as with init_on_alloc; not those of constructors. Default false. */
  readonly zeroOnAlloc?: boolean;
  /** Blocks neither poisoned nor constructed are zero from the free on, as with init_on_free. Default false. */
  readonly zeroOnFree?: boolean;
  /** Allocations of this thread that are to fail. */
  readonly faults?: FaultOptions;
}

/** How a debugged heap is made. */
export interface DebugHeapOptions extends HeapOptions, DebugThreadOptions {
  /**
   * What is debugged, in the grammar of Linux's `slab_debug=`: letters for all caches, and after a semicolon others for
   * caches by name, as in "FZ;P,kmalloc-64,inode*". F checks records, Z has red zones, P poison, U keeps who allocated
   * and freed, T prints each alloc and free, A marks what faults may pick; "-" is nothing. Default "FZPU".
   */
  readonly debug?: string;
  /**
   * Each alloc and free is noted in a ring of so many events in the heap, with the kernel's names and fields: see
   * `kmem/trace`, which reads it from any thread. Default: no ring.
   */
  readonly traceEvents?: number;
}

/** The checks of {@link DebugThreadOptions}. */
export const DEBUG_THREAD_CHECKS: Checks<DebugThreadOptions> = {
  report: requireFunction,
  print: requireFunction,
  panic: requireBoolean,
  stackDepth: requireCount,
  stacks: requireStackSource,
  quarantineBytes: requireAmount,
  quarantineCount: requireAmount,
  randomReuse: requireBoolean,
  zeroOnAlloc: requireBoolean,
  zeroOnFree: requireBoolean,
  faults: requireFaults,
};

/** The checks of {@link DebugHeapOptions}; the letters are verified where they are parsed. */
export const DEBUG_HEAP_CHECKS: Checks<DebugHeapOptions> = {
  ...HEAP_CHECKS,
  ...DEBUG_THREAD_CHECKS,
  debug: anyValue,
  traceEvents: (name, value) => requireWhole(name, value, 1, TRACE_EVENTS_MAX),
};

const DEFAULT_QUARANTINE_BYTES: number = 2 ** 20;
/** And no more than this part of the heap. */
const QUARANTINE_SHARE = 16;

/** What a thread debugs with where it has not said otherwise; `log` gets what it has no functions for. */
export function withDefaults(
  options: DebugThreadOptions,
  heapBytes: number,
  log: (message: string) => void,
): DebuggingOptions {
  const { print = log, report = (bug) => log(bug.text()), panic = false, stackDepth = DEFAULT_STACK_DEPTH } = options;
  const { quarantineBytes = Math.min(DEFAULT_QUARANTINE_BYTES, Math.floor(heapBytes / QUARANTINE_SHARE)) } = options;
  const { quarantineCount = Number.POSITIVE_INFINITY, randomReuse = false, faults } = options;
  const { zeroOnAlloc = false, zeroOnFree = false, stacks } = options;
  const quarantine = { bytes: quarantineBytes, count: quarantineCount };
  return { print, report, panics: panic, stackDepth, stacks, quarantine, randomReuse, zeroOnAlloc, zeroOnFree, faults };
}

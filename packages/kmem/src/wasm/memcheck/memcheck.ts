import { DEFAULT_STACK_DEPTH } from "../../debug/stack.ts";
import { viewedLayers } from "../../heap/access.ts";
import { Heap } from "../../heap/heap.ts";
import type { HeapOptions } from "../../heap/options.ts";
import {
  badArgument,
  type Checks,
  reading,
  readOptions,
  requireFunction,
  requireObject,
  requireUint32,
} from "../../memory/arguments.ts";
import { WASM_PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../../memory/layout.ts";
import { type AdoptedModule, checkLayoutOf, isAdopted } from "../adopt/adopt.ts";
import { cCalls64 } from "../c-malloc/c-malloc-64.ts";
import { type CCalls, cCalls } from "../c-malloc/calls.ts";
import { cFailures } from "../c-malloc/failures.ts";
import type { CMalloc } from "../c-malloc/options.ts";
import type { CheckLayout } from "../instrument/check-plan.ts";
import { ACCESS_BYTES_MASK, AccessKind, Cell, CheckHeader, GRANULE_BYTES, RangeKind } from "../instrument/layout.ts";
import { CallStacks, requireStackDepth } from "../program/call-stacks.ts";
import { type ProgramRoots, programStretches, readRoots } from "../program/leaks.ts";
import { addPages, pagesBeforeHeap } from "../program/pages.ts";
import { type CheckedBlock, CheckedBlocks, type WrongCall } from "./checked-blocks.ts";
import { type HostNotes, withNotes } from "./host-imports.ts";
import { leaksOf, type MemcheckLeaks } from "./leaks.ts";
import { type MemcheckBlock, type MemcheckKind, MemcheckReport } from "./report.ts";
import { Shadow } from "./shadow.ts";

/** How a program is checked. */
export interface MemcheckOptions {
  /** Told of each problem when it is found, once for the same problem at the same place. */
  readonly report: (report: MemcheckReport) => void;
  /** Bytes of freed blocks that wait before they are used again. Default 1 MiB. */
  readonly quarantineBytes?: number;
  /** Calls that are kept of each stack, the innermost ones: 1 to 1,024. Default 16. */
  readonly stackDepth?: number;
  /** Gets what `errno` becomes when a call fails. Default: nobody is told. */
  readonly setErrno?: (error: number) => void;
}

/** How often something was found. */
export interface MemcheckCounts {
  /** Problems that were told. */
  readonly told: number;
  /** Problems that were the same as one that was told, at the same place. */
  readonly repeated: number;
}

const DEFAULT_QUARANTINE_BYTES = 2 ** 20;

const CHECKS: Checks<MemcheckOptions> = {
  report: requireFunction,
  quarantineBytes: requireUint32,
  stackDepth: requireStackDepth,
  setErrno: requireFunction,
};

/** The imports of a module that is checked: malloc's family, and what finds problems. */
export type MemcheckImports = CMalloc<number> & {
  readonly check_access: (address: number, access: number, site: number, frame: number) => void;
  readonly check_range: (to: number, from: number, bytes: number, kind: number, site: number, frame: number) => void;
};

/**
 * Whether a load is one of those by which string functions read a word at a time, past the end of a block: aligned, of
 * four bytes and more, and begun within the block. What only copies does not read ahead.
 */
function isReadAhead(address: number, bad: number, access: number): boolean {
  const sizeBytes = access & ACCESS_BYTES_MASK;
  const isWord = sizeBytes >= WORD_BYTES && address % sizeBytes === 0;
  return isWord && bad > address && (access & AccessKind.COPY) === 0;
}

/** What there is once the program has allocated. */
interface Running {
  readonly heap: Heap;
  readonly memory: WebAssembly.Memory;
  readonly shadow: Shadow;
  readonly blocks: CheckedBlocks;
}

/**
 * Runs a module that was adopted with `check: "memcheck"`: its blocks are those of a heap in its own memory, and each
 * load and store that is none of a live block's, nor of what is no part of the heap (the stack, static data), is told,
 * with who did it, and who allocated and freed the block. The program goes on after that.
 *
 * It stands in place of `cMalloc`: `imports` are what the module imports from "kmem". Accesses of JavaScript to the
 * memory are not looked at. Nothing of it throws into the program but what `report` throws, and, in the program's first
 * allocation, what `open` and `Heap.create` throw: OUT_OF_MEMORY, say, where the memory does not grow, or where the
 * program has taken more than 1 MiB for itself before.
 */
export class Memcheck {
  readonly #layout: CheckLayout;
  readonly #is64: boolean;
  readonly #options: MemcheckOptions;
  readonly #open: () => HeapOptions;
  readonly #stacks: CallStacks;
  /** The problems that were told, by kind and place, and how often each was found again. */
  readonly #told = new Map<string, { readonly report: MemcheckReport; repeats: number }>();
  #repeated = 0;
  #running: Running | undefined;
  /** Calls of imports that have not returned. */
  #hostDepth = 0;
  #words: Uint32Array = new Uint32Array();
  /** What the program imports from the module "kmem"; with the BigInts of i64 where its memory has such addresses. */
  readonly imports: MemcheckImports;

  /**
   * `open` is called once, when the program allocates first, and returns the options of its heap: those of
   * `programHeapOptions(adopted, …)`. Throws BAD_ARGUMENT, also for a module that was not adopted to be checked.
   */
  constructor(adopted: AdoptedModule, open: () => HeapOptions, options: MemcheckOptions) {
    const layout = isAdopted(adopted) ? checkLayoutOf(adopted) : undefined;
    if (layout === undefined) throw badArgument("adopted", 'what adopt has returned with check: "memcheck"', adopted);
    requireFunction("open", open);
    this.#options = readOptions("options", options, CHECKS);
    requireFunction("report", this.#options.report);
    this.#layout = layout;
    this.#is64 = adopted.memory.is64;
    this.#open = open;
    this.#stacks = new CallStacks(this.#options.stackDepth ?? DEFAULT_STACK_DEPTH);
    this.imports = { ...this.#calls(adopted.memory.is64), check_access: this.#access, check_range: this.#range };
  }

  /** The heap that the program's blocks are in, each with a zone of 16 bytes before it. */
  get heap(): Heap {
    return this.#now().heap;
  }

  /** How often something was found so far. */
  get counts(): MemcheckCounts {
    return { told: this.#told.size, repeated: this.#repeated };
  }

  /** How often the problem of a report was found again, at the same place. Throws BAD_ARGUMENT. O(reports). */
  repeatsOf(report: MemcheckReport): number {
    const told = [...this.#told.values()].find((one) => one.report === report);
    if (told === undefined) throw badArgument("report", "one that this check has given to report", report);
    return told.repeats;
  }

  /** Gives back freed blocks that wait before they are used again, as `DebugHeap.trim` does. Returns pages. */
  trim(): number {
    if (this.#running === undefined) return 0;
    this.#running.blocks.emptyQuarantine();
    return this.#running.heap.trim();
  }

  /**
   * Tells what the program has forgotten from what it just has not freed, as `programLeaks` does. The program must be
   * at rest. Throws BAD_ARGUMENT. O(bytes).
   */
  leaks(roots: ProgramRoots): MemcheckLeaks {
    const read = readRoots(roots);
    if (this.#running === undefined) return { lost: [], reachable: [] };
    this.#follow();
    const { heap, blocks } = this.#running;
    const taken = { address: this.#layout.staticEnd, bytes: this.#layout.headerAt - this.#layout.staticEnd };
    const stretches = [...programStretches(viewedLayers(heap), read), taken];
    return leaksOf({
      blocks: blocks.live(),
      stretches,
      pointers: read.pointers,
      buffer: heap.buffer,
      stacks: this.#stacks,
    });
  }

  /**
   * A copy of a program's imports with functions that note what JavaScript may have written: all of each block that an
   * argument names, or one of the words that an argument points to. Only needed with `findUndefined`: without it the
   * functions stay as they are. Throws BAD_ARGUMENT.
   */
  hostImports<Imports extends object>(imports: Imports): Imports {
    requireObject("imports", imports);
    const given = imports as Imports & WebAssembly.Imports;
    const noted = this.#layout.cellShift > 0;
    return reading("imports", imports, () => (noted ? withNotes(given, this.#host) : { ...imports })) as Imports;
  }

  readonly #host: HostNotes = {
    enter: () => void this.#hostDepth++,
    leave: (args) => {
      this.#hostDepth--;
      if (this.#running === undefined) return;
      this.#follow();
      this.#running.blocks.defineNamed(args);
    },
  };

  #calls(is64: boolean): CMalloc<number> {
    const { setErrno } = this.#options;
    // What is wrong was told by then.
    const failures = cFailures(() => this.heap, { report: () => {}, ...(setErrno && { setErrno }) });
    const pointerBytes = is64 ? 8 : 4;
    const heapOf = (): CheckedBlocks => this.#now().blocks;
    const calls: CCalls = cCalls({ heapOf, failures, freesAtZero: false, pointerBytes });
    return is64 ? (cCalls64(calls, failures) as unknown as CMalloc<number>) : calls;
  }

  #now(): Running {
    if (this.#running === undefined) return this.#start();
    this.#follow();
    return this.#running;
  }

  #start(): Running {
    const options = this.#open();
    const memory = options.memory as WebAssembly.Memory;
    const { start = 0 } = options;
    // Before the heap there may be pages that the program had added by itself.
    const checkEnd = pagesBeforeHeap(memory)?.address ?? start;
    const covered = ((checkEnd - this.#layout.shadowAt) >> this.#layout.cellShift) * GRANULE_BYTES;
    if (!(memory instanceof WebAssembly.Memory) || covered < (options.maximumBytes ?? 0)) {
      throw badArgument("open", "a function that returns programHeapOptions of the module", options);
    }
    const shadow = new Shadow(this.#layout, memory, covered);
    shadow.refresh();
    shadow.close(this.#layout.headerAt, checkEnd, Cell.TABLES);
    shadow.close(start, options.end ?? memory.buffer.byteLength, Cell.UNUSED);
    const heap = Heap.create({ ...options, slotCount: 1, grow: this.#growing(options, memory, shadow) });
    const blocks = new CheckedBlocks({
      heap,
      shadow,
      quarantineBytes: this.#options.quarantineBytes ?? DEFAULT_QUARANTINE_BYTES,
      stackNow: () => this.#stackNow(),
      isWritten: (stack) => stack === 0 || this.#hostDepth > 0,
      onWrongCall: (call) => this.#wrongCall(call),
    });
    this.#running = { heap, memory, shadow, blocks };
    this.#refresh(this.#running);
    this.#words[(this.#layout.headerAt + CheckHeader.COVERED) >>> WORD_SHIFT] = covered;
    return this.#running;
  }

  /** The heap's way to more memory, which is the heap's from then on; that of others is not watched. */
  #growing({ grow }: HeapOptions, memory: WebAssembly.Memory, shadow: Shadow): NonNullable<HeapOptions["grow"]> {
    return (pageCount) => {
      const before = memory.buffer.byteLength;
      const has = grow === undefined ? addPages(memory, pageCount, this.#is64) : grow(pageCount);
      if (this.#running === undefined) shadow.refresh();
      else this.#refresh(this.#running);
      shadow.close(before, before + (has === false ? 0 : pageCount * WASM_PAGE_SIZE), Cell.UNUSED);
      return has;
    };
  }

  #refresh({ memory, shadow, blocks }: Running): void {
    shadow.refresh();
    blocks.refresh();
    this.#words = new Uint32Array(memory.buffer);
  }

  get #ring(): number {
    return this.#layout.ringAt >>> WORD_SHIFT;
  }

  /** The views, which an engine takes away when the program itself has grown the memory. */
  #follow(): void {
    if (this.#words.length === 0 && this.#running !== undefined) this.#refresh(this.#running);
  }

  #stackNow(): number {
    const words = this.#words;
    const next = words[(this.#layout.headerAt + CheckHeader.NEXT) >>> WORD_SHIFT]!;
    return this.#stacks.idOf(words, this.#ring, next);
  }

  readonly #access = (given: number, access: number, site: number, frame: number): void => {
    if (this.#running === undefined) return;
    this.#follow();
    const { shadow } = this.#running;
    const address = given >>> 0;
    const sizeBytes = access & ACCESS_BYTES_MASK;
    const end = address + sizeBytes;
    const bad = shadow.firstClosed(address, end);
    const isStore = (access & AccessKind.STORE) !== 0;
    if (bad < end) {
      if (isStore) this.#problem("invalid-write", bad, sizeBytes, site, frame);
      else if (!isReadAhead(address, bad, access)) this.#problem("invalid-read", bad, sizeBytes, site, frame);
      return;
    }
    if (isStore) shadow.define(address, end);
    else if ((access & AccessKind.COPY) === 0 && shadow.isUndefined(address, end)) {
      this.#problem("undefined-read", address, sizeBytes, site, frame);
    }
  };

  readonly #range = (to: number, from: number, count: number, kind: number, site: number, frame: number): void => {
    if (this.#running === undefined || count === 0) return;
    this.#follow();
    const { shadow } = this.#running;
    const [target, source, bytes] = [to >>> 0, from >>> 0, count >>> 0];
    if (kind === RangeKind.COPY) {
      const bad = shadow.firstClosed(source, source + bytes);
      if (bad < source + bytes) this.#problem("invalid-read", bad, bytes, site, frame);
    }
    const bad = shadow.firstClosed(target, target + bytes);
    if (bad < target + bytes) this.#problem("invalid-write", bad, bytes, site, frame);
    // The instruction traps, and writes nothing.
    const memoryBytes = this.#words.byteLength;
    if (target + bytes > memoryBytes || (kind === RangeKind.COPY && source + bytes > memoryBytes)) return;
    if (kind === RangeKind.COPY) shadow.copyDefined(target, source, bytes);
    else shadow.define(target, target + bytes);
  };

  #wrongCall({ kind, address }: WrongCall): void {
    const stack = this.#stackNow();
    this.#tell(kind, address, 0, stack, `${stack}`);
  }

  #problem(kind: MemcheckKind, address: number, sizeBytes: number, site: number, frame: number): void {
    const stack = this.#stacks.idOf(this.#words, this.#ring, frame, site);
    this.#tell(kind, address, sizeBytes, stack, `${stack}`);
  }

  #tell(kind: MemcheckKind, address: number, sizeBytes: number, stack: number, place: string): void {
    const key = `${kind} ${place}`;
    const before = this.#told.get(key);
    if (before !== undefined) {
      before.repeats++;
      this.#repeated++;
      return;
    }
    const { blocks, shadow } = this.#now();
    const near = blocks.blockNear(address);
    const where = PLACES[shadow.stateAt(address)] ?? "in what is no part of the heap";
    const block = near && this.#shown(near, address);
    const facts = { kind, address, sizeBytes, where, block, stack: this.#stacks.sitesOf(stack) };
    const report = new MemcheckReport(facts);
    this.#told.set(key, { report, repeats: 0 });
    this.#options.report(report);
  }

  #shown({ address, sizeBytes, isLive, allocatedBy, freedBy }: CheckedBlock, at: number): MemcheckBlock {
    const offset = at - address;
    const isInside = offset >= 0 && offset < sizeBytes;
    const distance = isInside ? undefined : offset < 0 ? offset : offset - sizeBytes;
    const allocated = this.#stacks.sitesOf(allocatedBy);
    return { address, sizeBytes, isLive, offset, distance, allocated, freed: this.#stacks.sitesOf(freedBy) };
  }
}

/** What is said of an address that is near no block. */
const PLACES: Readonly<Record<number, string>> = {
  [Cell.UNUSED]: "in memory of the heap that no block has",
  [Cell.FREED]: "in memory that was freed long ago",
  [Cell.AFTER]: "in memory of the heap that no block has",
  [Cell.RECORD]: "in memory of the heap that no block has",
  [Cell.TABLES]: "in the tables of the heap or of the check",
};

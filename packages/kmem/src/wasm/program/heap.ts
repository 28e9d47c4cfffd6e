import type { HeapOptions } from "../../heap/options.ts";
import { badArgument, type Checks, readOptions, requireObject, requireUint32 } from "../../memory/arguments.ts";
import { KmemError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SIZE, WASM_PAGE_SIZE } from "../../memory/layout.ts";
import { type AdoptedModule, checkLayoutOf, isAdopted } from "../adopt/adopt.ts";
import { awaitHeap } from "../core/bind-program.ts";
import {
  DEFAULT_MAXIMUM_BYTES,
  leastMaximum,
  SHARED_LEAST_BYTES,
  shadowBytes,
  usualMaximum,
} from "../instrument/check-plan.ts";
import { addPages, notePagesBefore } from "./pages.ts";

/** What a program is instantiated with, and how much of its memory its heap may have. */
export interface ProgramMemory {
  /** Where its memory is, if it is exported, and what `adopt` has merged into it. */
  readonly exports?: Readonly<Record<string, unknown>>;
  /** Where its memory is, if it is imported, and the function that its glue grows memory with. */
  readonly imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /**
   * The byte up to which the heap may grow the memory. Default: as far as the memory may; at most 256 MiB where tables
   * for all of it, in shared memory, or the shadow of a checked program are made at once.
   */
  readonly maximumBytes?: number;
}

const CHECKS: Checks<ProgramMemory> = { exports: requireObject, imports: requireObject, maximumBytes: requireUint32 };
/** The index of the program's memory, which is its only one. */
const FIRST_MEMORY = 0;
/** What a heap begins with at least; tables that move are the smaller part of it. */
const LEAST_BYTES = 128 * 1024;
/** What tables for the maximum of shared memory take of that: one part in so many. */
const SHARED_TABLE_PART = 12;

/**
 * The memory of an adopted program, once it is instantiated: throws BAD_ARGUMENT where neither the imports nor the
 * exports have it.
 */
function memoryOf({ memory }: AdoptedModule, { imports, exports }: ProgramMemory): WebAssembly.Memory {
  const { importedAs, exportedAs } = memory;
  const imported =
    importedAs && (imports?.[importedAs.module] as Record<string, unknown> | undefined)?.[importedAs.name];
  const found = imported ?? (exportedAs === undefined ? undefined : exports?.[exportedAs]);
  if (found instanceof WebAssembly.Memory) return found;
  const names = importedAs ? `the import ${importedAs.module}.${importedAs.name}` : `the export ${exportedAs}`;
  throw badArgument("program", `an object with the memory: ${names}`, found);
}

/** A function of the glue, by the names that the program imports it by; undefined for none. */
function importOf(
  named: AdoptedModule["resizeImport"],
  { imports }: ProgramMemory,
): ((argument: number) => unknown) | undefined {
  if (named === undefined) return undefined;
  const found = (imports?.[named.module] as Record<string, unknown> | undefined)?.[named.name];
  return typeof found === "function" ? (found as (argument: number) => unknown) : undefined;
}

/** What a program asks for by itself is none of the heap's. */
function moveBreak({ programBreak }: AdoptedModule, memory: WebAssembly.Memory): void {
  if (programBreak === undefined) return;
  new DataView(memory.buffer).setUint32(programBreak.address, memory.buffer.byteLength, true);
}

/**
 * Where what the heap may have ends before it grows. A memory of the program's own begins with what the module says:
 * the pages after that the program has added by itself, unless sbrk's variable says how far they are given out.
 */
function ownEnd({ memory: shape, programBreak }: AdoptedModule, memory: WebAssembly.Memory): number {
  const { byteLength } = memory.buffer;
  if (shape.importedAs !== undefined || programBreak !== undefined) return byteLength;
  return Math.min(byteLength, Math.max(shape.initialPages * WASM_PAGE_SIZE, grownFor.get(memory) ?? 0));
}

/** By memory, how far it was grown for a heap: whoever asks again is not told that those pages are the program's. */
const grownFor: WeakMap<WebAssembly.Memory, number> = /* @__PURE__ */ new WeakMap();

/**
 * The options of `Heap.create`, and of every other heap, for the heap of an adopted program in the program's memory.
 * It begins where the program's static data and stack end, or, where there is too little room for it, after the pages
 * that the program has added by itself, which are never the heap's. It grows the memory by the program's own glue
 * where there is one, so that its views follow. Memory that the program asks for by itself lies after the heap's:
 * sbrk's variable is moved now and with every growth. The memory grows now where it has no room yet: to 128 KiB behind
 * its data, or, where it is shared and tables for all of the maximum are made at once, to a twelfth of that and 512
 * KiB.
 * With `exports`, `cMalloc` binds what `adopt` has merged into the program to the heap that is made so.
 *
 * The program must not have allocated before: `cMalloc` asks for its heap with the first call. Throws BAD_ARGUMENT
 * where the memory is not found, and OUT_OF_MEMORY where it cannot grow.
 */
export function programHeapOptions(adopted: AdoptedModule, program: ProgramMemory): HeapOptions {
  if (!isAdopted(adopted)) throw badArgument("adopted", "what adopt has returned", adopted);
  const read = readOptions("program", program, CHECKS);
  const memory = memoryOf(adopted, read);
  // The one grows the memory to so many bytes, and its views with it; the other is told which memory has grown.
  const resize = importOf(adopted.resizeImport, read);
  const told = resize === undefined ? importOf(adopted.growthImport, read) : undefined;
  const notify = (): void => tell(told);
  const grow = (pageCount: number): boolean => {
    const { byteLength } = memory.buffer;
    if (resize === undefined) addPages(memory, pageCount, adopted.memory.is64);
    else resize(byteLength + pageCount * WASM_PAGE_SIZE);
    return memory.buffer.byteLength >= byteLength + pageCount * WASM_PAGE_SIZE;
  };
  const { programBreak, memory: shape } = adopted;
  const given = programBreak && new DataView(memory.buffer).getUint32(programBreak.address, true);
  // Of a memory with 64-bit addresses a heap has the first 4 GiB.
  const most = Math.min(ADDRESS_SPACE_BYTES, (shape.maximumPages ?? ADDRESS_SPACE_BYTES) * WASM_PAGE_SIZE);
  const present = memory.buffer.byteLength;
  const own = ownEnd(adopted, memory);
  const hasOthers = present > own;
  const { first, maximumBytes } = placeOf(adopted, given ?? 0, { present, own }, most, read.maximumBytes);
  const roomBytes = shape.isShared ? SHARED_LEAST_BYTES + Math.ceil(maximumBytes / SHARED_TABLE_PART) : LEAST_BYTES;
  const isBeforeOthers = hasOthers && first + roomBytes <= own;
  const isAfterOthers = hasOthers && !isBeforeOthers;
  const start = isAfterOthers ? present : first;
  const neededBytes = start + roomBytes;
  const missingPages = Math.ceil((neededBytes - present) / WASM_PAGE_SIZE);
  if (neededBytes > ADDRESS_SPACE_BYTES || (missingPages > 0 && !grew(grow, missingPages))) {
    const text = `the program's memory has ${memory.buffer.byteLength} bytes and does not grow to ${neededBytes}`;
    throw new KmemError("OUT_OF_MEMORY", text, { neededBytes });
  }
  if (missingPages > 0) notify();
  moveBreak(adopted, memory);
  if (isAfterOthers) notePagesBefore(memory, { address: own, bytes: present - own });
  else grownFor.set(memory, isBeforeOthers ? own : memory.buffer.byteLength);
  const end = Math.min(ADDRESS_SPACE_BYTES, isBeforeOthers ? own : memory.buffer.byteLength);
  const onGrow = (): void => {
    notify();
    moveBreak(adopted, memory);
  };
  if (read.exports !== undefined) awaitHeap(read.exports, start);
  return {
    memory,
    start,
    end,
    maximumBytes: Math.max(maximumBytes, end),
    onGrow,
    ...(shape.isShared || resize === undefined ? {} : { grow }),
  };
}

/** How much memory there is, and where what the heap may have of it ends. */
interface Extent {
  readonly present: number;
  readonly own: number;
}

/** Where the heap may begin and how far it may grow; where the program is checked, after the shadow of all of that. */
function placeOf(
  adopted: AdoptedModule,
  given: number,
  { present, own }: Extent,
  most: number,
  asked: number | undefined,
) {
  const first = Math.ceil(Math.max(adopted.heapBase, given) / PAGE_SIZE) * PAGE_SIZE;
  const layout = checkLayoutOf(adopted);
  if (layout !== undefined && first > layout.headerAt) throw taken(first, layout.headerAt);
  if (layout === undefined || !layout.hasShadow) {
    const usual = adopted.memory.isShared ? Math.min(most, first + DEFAULT_MAXIMUM_BYTES) : most;
    return { first: layout?.shadowAt ?? first, maximumBytes: asked ?? usual };
  }
  const wished = Math.min(most, asked ?? usualMaximum(layout, most));
  const maximumBytes = Math.max(wished, present, leastMaximum(layout));
  const end = layout.shadowAt + shadowBytes(layout, maximumBytes);
  if (present > own && end > own) throw taken(present, own, ": a smaller maximumBytes has a smaller shadow");
  return { first: Math.ceil(end / PAGE_SIZE) * PAGE_SIZE, maximumBytes };
}

function taken(start: number, from: number, hint = ""): KmemError {
  const text = `the program has taken memory up to ${start}, which its check has from ${from} on${hint}`;
  return new KmemError("OUT_OF_MEMORY", text, { start });
}

function grew(grow: (pageCount: number) => boolean, pageCount: number): boolean {
  try {
    return grow(pageCount);
  } catch {
    return false;
  }
}

/** Says that the memory has grown, which stays so, whatever the program's JavaScript makes of it. */
function tell(notify: ((memoryIndex: number) => unknown) | undefined): void {
  try {
    notify?.(FIRST_MEMORY);
  } catch {
    // The heap's call may be in the middle of malloc: nothing may come out of it.
  }
}

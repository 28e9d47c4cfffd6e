import { type BaseHeap, Heap, type HeapOptions, hasCode, type KmemError } from "kmem";
import { type BugReport, DebugHeap } from "kmem/debug";
import {
  type AdoptedModule,
  adopt,
  type CMalloc,
  cMalloc,
  exposeStack,
  Memcheck,
  type MemcheckReport,
  type ProgramFrames,
  type ProgramStack,
  programFrames,
  programHeapOptions,
  programStacks,
} from "kmem/wasm";
import { printReport } from "../system/output.ts";
import { type CallCounts, WatchedCalls } from "./calls.ts";
import type { TraceRecorder } from "./trace-recorder.ts";
import { type Ending, openWasi, type ProgramWorld, requireImports, STACK_DEPTH, startWasi } from "./wasi.ts";

/** How a program is run. */
export interface ProgramOptions extends ProgramWorld {
  readonly module: Uint8Array;
  /** The letters of a heap with debugging; undefined for a plain heap. */
  readonly letters: string | undefined;
  readonly failNth: number | undefined;
  readonly maxMemoryBytes: number;
  readonly trace: TraceRecorder | undefined;
}

/** Who is told of what is wrong, as soon as it is found. */
export interface ProgramObserver {
  readonly onBug: (report: BugReport) => void;
  readonly onMisuse: (error: KmemError) => void;
  readonly onReport: (report: MemcheckReport) => void;
}

/** What the loads and stores of a program are checked for, or whether it notes its calls for the heap's stacks. */
export interface ProgramCheck {
  readonly check?: "memcheck";
  readonly findUndefined?: boolean;
  readonly stacks?: boolean;
}

/** A program that has ended. */
export interface EndedProgram extends Ending {
  readonly heap: BaseHeap;
  readonly memory: WebAssembly.Memory;
  readonly counts: CallCounts;
  readonly heapBase: number;
  readonly stack: { readonly low: number; readonly pointer: number } | undefined;
  /** Blocks with the program's arguments and its environment, which its start makes for as long as it runs. */
  readonly given: readonly number[];
  /** What has checked its loads and stores. */
  readonly memcheck: Memcheck | undefined;
}

const WASM_PAGE_BYTES = 65_536;
/** The end of a heap is a number of 32 bits. */
const HEAP_END_MOST: number = 2 ** 32 - WASM_PAGE_BYTES;

/** A module that is ready to be run on kmem. */
export class Program {
  readonly frames: ProgramFrames;
  readonly #adopted: AdoptedModule;
  readonly #stack: ProgramStack | undefined;

  /** Throws BAD_MODULE, CANNOT_ADOPT with the reason, and errors for what cannot run here. */
  constructor(module: Uint8Array, check: ProgramCheck = {}) {
    const adopted = adoptWatched(module, check);
    if (adopted.memory.is64) throw new Error("its memory has 64-bit addresses, which Node's WASI does not know");
    if (adopted.memory.isShared)
      throw new Error("its memory is shared: it has threads, which Node's WASI does not know");
    this.#adopted = adopted;
    const stack = exposeStack(adopted.bytes);
    this.#stack = stack;
    const originOf = (offset: number): number => adopted.originOf(stack?.originOf(offset) ?? offset);
    this.frames = programFrames(module, { originOf });
  }

  /** Runs the program to its end. Throws what the engine refuses, and what it imports that there is not. */
  async run(options: ProgramOptions, observer: ProgramObserver): Promise<EndedProgram> {
    const { memory: shape, heapBase } = this.#adopted;
    const wasi = await openWasi(options);
    let heap: BaseHeap | undefined;
    const heapOf = (): BaseHeap => {
      if (heap === undefined) throw new Error("the program allocates before it has started");
      return heap;
    };
    let where: HeapOptions = {};
    const memcheck = this.#memcheck(observer, () => where);
    const calls = this.#calls(options, memcheck?.imports ?? this.#face(observer, heapOf), heapOf);
    const imported = shape.importedAs === undefined ? undefined : newMemory(this.#adopted, options.maxMemoryBytes);
    const compiled = await WebAssembly.compile(this.#stack?.bytes ?? this.#adopted.bytes);
    const given: number[] = [];
    const system = notingGiven(wasi.getImportObject() as WebAssembly.Imports, given);
    const host = memcheck?.hostImports(system) ?? system;
    const imports = importsFor(host, { ...memcheck?.imports, ...calls.imports }, shape, imported);
    requireImports(compiled, imports);
    const instance = await WebAssembly.instantiate(compiled, imports);
    const memory = imported ?? (instance.exports[shape.exportedAs ?? ""] as WebAssembly.Memory);
    const maximumBytes = Math.min(options.maxMemoryBytes, HEAP_END_MOST);
    where = programHeapOptions(this.#adopted, { exports: instance.exports, imports, maximumBytes });
    heap = memcheck?.heap ?? this.#makeHeap(where, memory, options, observer);
    const { exitCode, trap } = startWasi(wasi, { ...instance.exports, memory }, this.#adopted.deferredStart);
    const stack = this.#stackOf(instance);
    return { exitCode, trap, heap, memory, counts: calls.counts, heapBase, stack, given, memcheck };
  }

  #memcheck({ onReport }: ProgramObserver, open: () => HeapOptions): Memcheck | undefined {
    if (this.#adopted.check === undefined) return undefined;
    return new Memcheck(this.#adopted, open, { report: onReport, stackDepth: STACK_DEPTH });
  }

  #face({ onMisuse }: ProgramObserver, heapOf: () => BaseHeap): CMalloc {
    const report = (error: KmemError): void => {
      // A heap with debugging has told of it by itself.
      if (error.details["report"] === undefined) onMisuse(error);
    };
    return cMalloc(heapOf, { report });
  }

  #calls({ failNth, trace }: ProgramOptions, face: CMalloc, heapOf: () => BaseHeap): WatchedCalls {
    const addressAt = (place: number): number => new DataView(heapOf().buffer).getUint32(place, true);
    return new WatchedCalls(face, { failNth, trace }, addressAt);
  }

  #makeHeap(
    where: HeapOptions,
    memory: WebAssembly.Memory,
    { letters }: ProgramOptions,
    { onBug }: ProgramObserver,
  ): BaseHeap {
    if (letters === undefined) return Heap.create({ ...where, slotCount: 1 });
    const stacks = this.#adopted.stacks ? { stacks: programStacks(this.#adopted, memory, { depth: STACK_DEPTH }) } : {};
    const how = { debug: letters, stackDepth: STACK_DEPTH, report: onBug, print: printReport, ...stacks };
    return DebugHeap.create({ ...where, ...how, slotCount: 1 });
  }

  #stackOf({ exports }: WebAssembly.Instance): EndedProgram["stack"] {
    if (this.#stack === undefined) return undefined;
    const pointer = Number((exports[this.#stack.exportedAs] as WebAssembly.Global).value) >>> 0;
    const { low, top } = this.#stack;
    return pointer >= low && pointer <= top ? { low, pointer } : undefined;
  }
}

/** Each call is watched: counted, recorded, and made to fail where that is asked for. */
function adoptWatched(module: Uint8Array, check: ProgramCheck): AdoptedModule {
  try {
    return adopt(module, { ...check, merge: false, deferStart: true });
  } catch (error) {
    // An imported memory may have no room for the calls that are noted: then the engine is asked for stacks.
    const isFull = hasCode(error, "CANNOT_ADOPT") && error.details.reason === "no-room";
    if (!isFull || check.stacks !== true) throw error;
    return adopt(module, { merge: false, deferStart: true });
  }
}

function newMemory({ memory }: AdoptedModule, maxMemoryBytes: number): WebAssembly.Memory {
  const most = Math.floor(maxMemoryBytes / WASM_PAGE_BYTES);
  const maximum = Math.max(memory.initialPages, Math.min(most, memory.maximumPages ?? most));
  return new WebAssembly.Memory({ initial: memory.initialPages, maximum });
}

/** Calls of the system that store the program's arguments and its environment where it says. */
const GIVING_CALLS = ["args_get", "environ_get"];

/** The imports of WASI, which note the blocks that arguments are stored in. */
function notingGiven(wasi: WebAssembly.Imports, given: number[]): WebAssembly.Imports {
  const modules = Object.entries(wasi).map(([name, functions]): [string, WebAssembly.ModuleImports] => {
    const noted = GIVING_CALLS.flatMap((call) => {
      const give = functions?.[call];
      if (typeof give !== "function") return [];
      return [
        [
          call,
          (...places: number[]) => {
            given.push(...places.map((place) => place >>> 0));
            return (give as (...args: number[]) => unknown)(...places);
          },
        ] as const,
      ];
    });
    return [name, { ...functions, ...Object.fromEntries(noted) }];
  });
  return Object.fromEntries(modules);
}

/** malloc's family is there for a module that was adopted, and under "env" for one that was linked without it. */
function importsFor(
  wasi: WebAssembly.Imports,
  calls: CMalloc,
  { importedAs }: AdoptedModule["memory"],
  memory: WebAssembly.Memory | undefined,
): WebAssembly.Imports {
  const functions = { ...calls } as unknown as WebAssembly.ModuleImports;
  const imports: Record<string, WebAssembly.ModuleImports> = { ...wasi, env: { ...functions }, kmem: functions };
  if (importedAs === undefined || memory === undefined) return imports;
  return { ...imports, [importedAs.module]: { ...imports[importedAs.module], [importedAs.name]: memory } };
}

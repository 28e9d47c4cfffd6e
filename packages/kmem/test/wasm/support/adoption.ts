import { Heap, type HeapOptions } from "../../../src/index.ts";
import { coreExport } from "../../../src/wasm/core/layout.ts";
import {
  type AdoptedModule,
  type AdoptOptions,
  adopt,
  type CMalloc,
  cMalloc,
  Memcheck,
  type MemcheckImports,
  type MemcheckReport,
  programFrames,
  programHeapOptions,
} from "../../../src/wasm/index.ts";

/** A program that was loaded with a heap in place of its allocator. */
export interface AdoptedProgram {
  readonly adopted: AdoptedModule;
  readonly heap: Heap;
  readonly memory: WebAssembly.Memory;
  /** Whether what was merged into the program is bound to the heap. */
  readonly isBound: boolean;
  /** Calls of the imports that gave a block, and that took one back: all where nothing was merged. */
  readonly counts: { readonly allocated: number; readonly freed: number };
  /** Calls that were wrong: a second free, an address that is no block's. */
  readonly misuses: readonly string[];
  /** How long the rewriting took. */
  readonly adoptMs: number;
}

/** Makes the heap of a program. */
export type MakeHeap = (where: HeapOptions, adopted: AdoptedModule) => Heap;

/** How a program gets its heap. */
export interface HowToAdopt {
  /** Makes the heap of a program that is not checked; default: a plain one. */
  readonly makeHeap?: MakeHeap | undefined;
  /** Whether its calls are counted, for which each goes through a function more. Default: they are. */
  readonly isCounted?: boolean;
}

/** One program that is being loaded: it gets its heap with its first allocation. */
export class Adoption {
  readonly #options: AdoptOptions;
  readonly #makeHeap: MakeHeap;
  readonly #isCounted: boolean;
  #adopted: AdoptedModule | undefined;
  #adoptMs = 0;
  #imports: WebAssembly.Imports = {};
  #exports: WebAssembly.Exports = {};
  #heap: Heap | undefined;
  #memory: WebAssembly.Memory | undefined;
  readonly #counts = { allocated: 0, freed: 0 };
  readonly #misuses: string[] = [];
  #memcheck: Memcheck | undefined;

  constructor(options: AdoptOptions, { makeHeap = (where) => Heap.create(where), isCounted = true }: HowToAdopt = {}) {
    this.#options = options;
    this.#makeHeap = makeHeap;
    this.#isCounted = isCounted;
  }

  get program(): AdoptedProgram {
    const heap = this.#heapNow();
    return {
      adopted: this.#adopted!,
      heap,
      memory: this.#memory!,
      isBound: (this.#exports[coreExport("live_tag")] as WebAssembly.Global | undefined)?.value > 0,
      counts: this.#counts,
      misuses: this.#misuses,
      adoptMs: this.#adoptMs,
    };
  }

  /** The module of these bytes with its imports, as `WebAssembly.instantiate` wants them. */
  prepared(bytes: Uint8Array, imports: WebAssembly.Imports) {
    const startMs = performance.now();
    this.#adopted = adopt(bytes, this.#options);
    this.#adoptMs = performance.now() - startMs;
    this.#imports = imports;
    if (this.#adopted.check !== undefined) this.#check(bytes, this.#adopted);
    return { bytes: this.#adopted.bytes, imports: { ...imports, kmem: this.#functions() } };
  }

  attachExports(exports: WebAssembly.Exports): void {
    this.#exports = exports;
  }

  /** What is wrong is noted with its stacks. */
  #check(bytes: Uint8Array, adopted: AdoptedModule): void {
    const { frameAt } = programFrames(bytes);
    const report = (found: MemcheckReport): void => void this.#misuses.push(found.text(frameAt));
    this.#memcheck = new Memcheck(adopted, () => this.#heapOptions(), { report });
  }

  #calls(): CMalloc | MemcheckImports {
    if (this.#memcheck !== undefined) return this.#memcheck.imports;
    const report = (error: Error): void => void this.#misuses.push(error.message);
    return cMalloc(() => this.#heapNow(), { report });
  }

  #functions(): WebAssembly.ModuleImports {
    const calls = this.#calls();
    if (!this.#isCounted) return { ...calls };
    const counts = this.#counts;
    const counted =
      (call: (...args: number[]) => number) =>
      (...args: number[]): number => {
        const address = call(...args);
        if (address !== 0) counts.allocated++;
        return address;
      };
    const free: CMalloc["free"] = (address) => {
      if (address !== 0) counts.freed++;
      calls.free(address);
    };
    const { malloc, calloc, memalign, aligned_alloc } = calls;
    return {
      ...calls,
      free,
      malloc: counted(malloc),
      calloc: counted(calloc as (...args: number[]) => number),
      memalign: counted(memalign as (...args: number[]) => number),
      aligned_alloc: counted(aligned_alloc as (...args: number[]) => number),
    };
  }

  #heapNow(): Heap {
    this.#heap ??= this.#memcheck?.heap ?? this.#makeHeap({ ...this.#heapOptions(), slotCount: 1 }, this.#adopted!);
    return this.#heap;
  }

  #heapOptions(): HeapOptions {
    const options = programHeapOptions(this.#adopted!, { imports: this.#imports, exports: this.#exports });
    this.#memory = options.memory as WebAssembly.Memory;
    return options;
  }
}

type Instantiate = (bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports) => Promise<WebAssembly.Instance>;

/** Loads a program with its own glue, unchanged: what that instantiates, `instantiate` does. */
async function intercepted<Loaded>(instantiateIt: Instantiate, load: () => Promise<Loaded>): Promise<Loaded> {
  const { instantiate, instantiateStreaming } = WebAssembly;
  const intercepting = async (source: BufferSource, imports: WebAssembly.Imports = {}): Promise<unknown> => {
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source);
    return { instance: await instantiateIt(Uint8Array.from(bytes), imports) };
  };
  Object.assign(WebAssembly, { instantiate: intercepting, instantiateStreaming: undefined });
  try {
    return await load();
  } finally {
    Object.assign(WebAssembly, { instantiate, instantiateStreaming });
  }
}

/** Loads a program and gives it a heap in place of its allocator. */
export async function withAdoption<Loaded>(
  options: AdoptOptions,
  load: () => Promise<Loaded>,
  how?: HowToAdopt,
): Promise<{ loaded: Loaded; program: () => AdoptedProgram }> {
  const adoption = new Adoption(options, how);
  const loaded = await intercepted(async (bytes, imports) => {
    const prepared = adoption.prepared(bytes, imports);
    const instance = new WebAssembly.Instance(await WebAssembly.compile(prepared.bytes), prepared.imports);
    adoption.attachExports(instance.exports);
    return instance;
  }, load);
  return { loaded, program: () => adoption.program };
}

/** Loads a program with its own allocator, and says where its memory is. */
export async function observed<Loaded>(
  load: () => Promise<Loaded>,
): Promise<{ loaded: Loaded; memory: () => WebAssembly.Memory }> {
  let found: WebAssembly.Memory | undefined;
  const loaded = await intercepted(async (bytes, imports) => {
    const instance = new WebAssembly.Instance(await WebAssembly.compile(bytes), imports);
    const values = [...Object.values(imports).flatMap((one) => Object.values(one)), ...Object.values(instance.exports)];
    found = values.find((one) => one instanceof WebAssembly.Memory);
    return instance;
  }, load);
  return { loaded, memory: () => found! };
}

import { Heap } from "../../../src/index.ts";
import { type AdoptedModule, type AdoptOptions, adopt } from "../../../src/wasm/index.ts";
import { type CountedCalls, countedCalls } from "./c-face.ts";

const PAGE_BYTES = 65_536;

type Imports = Record<string, Record<string, WebAssembly.ImportValue>>;

/** A program that was loaded with a heap in place of its allocator. */
export interface AdoptedProgram {
  readonly adopted: AdoptedModule;
  readonly heap: Heap;
  readonly memory: WebAssembly.Memory;
  readonly counts: CountedCalls["counts"];
}

/** Where the heap of a program gets its memory: all from its base up to so many bytes. */
export interface HeapRoom {
  readonly heapEndBytes: number;
}

/**
 * One program that is being loaded: gives it its heap with its first allocation, in memory that it asks the program's
 * own glue for, so that the views of that follow.
 */
export class Adoption {
  readonly #options: AdoptOptions;
  readonly #room: HeapRoom;
  #adopted: AdoptedModule | undefined;
  #imports: Imports = {};
  #exports: WebAssembly.Exports = {};
  #heap: Heap | undefined;
  readonly #calls = countedCalls(() => this.#heap ?? this.#create());

  constructor(options: AdoptOptions, room: HeapRoom) {
    this.#options = options;
    this.#room = room;
  }

  get program(): AdoptedProgram {
    const heap = this.#heap ?? this.#create();
    return { adopted: this.#adopted!, heap, memory: this.#memory(), counts: this.#calls.counts };
  }

  /** The module of these bytes with its imports, as `WebAssembly.instantiate` wants them. */
  prepared(bytes: Uint8Array, imports: Imports): { bytes: Uint8Array<ArrayBuffer>; imports: Imports } {
    this.#adopted = adopt(bytes, this.#options);
    this.#imports = imports;
    return { bytes: this.#adopted.bytes, imports: { ...imports, kmem: this.#calls.functions } };
  }

  attach(instance: WebAssembly.Instance): void {
    this.#exports = instance.exports;
  }

  #memory(): WebAssembly.Memory {
    const { importedAs, exportedAs } = this.#adopted!.memory;
    if (importedAs !== undefined) return this.#imports[importedAs.module]![importedAs.name] as WebAssembly.Memory;
    return this.#exports[exportedAs!] as WebAssembly.Memory;
  }

  #create(): Heap {
    const memory = this.#memory();
    const { heapBase, resizeImport, programBreak } = this.#adopted!;
    const { heapEndBytes } = this.#room;
    const missingBytes = heapEndBytes - memory.buffer.byteLength;
    if (missingBytes > 0) {
      if (resizeImport === undefined) memory.grow(Math.ceil(missingBytes / PAGE_BYTES));
      else (this.#imports[resizeImport.module]![resizeImport.name] as (bytes: number) => number)(heapEndBytes);
    }
    const end = memory.buffer.byteLength;
    const view = new DataView(memory.buffer);
    // What still asks for memory by itself gets none of the heap's.
    const start = programBreak === undefined ? heapBase : Math.max(heapBase, view.getUint32(programBreak.address, true));
    if (programBreak !== undefined) view.setUint32(programBreak.address, end, true);
    this.#heap = Heap.create({ memory, start: roundedUp(start), end, slotCount: 1 });
    return this.#heap;
  }
}

function roundedUp(address: number): number {
  return Math.ceil(address / 4096) * 4096;
}

/** Loads a program with its own glue, unchanged: what that instantiates is adopted on the way. */
export async function withAdoption<Loaded>(
  options: AdoptOptions,
  room: HeapRoom,
  load: () => Promise<Loaded>,
): Promise<{ loaded: Loaded; program: () => AdoptedProgram }> {
  const adoption = new Adoption(options, room);
  const { instantiate, instantiateStreaming } = WebAssembly;
  const adopting = async (source: unknown, imports: Imports = {}): Promise<unknown> => {
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source as ArrayBuffer);
    const prepared = adoption.prepared(bytes, imports);
    const module = await WebAssembly.compile(prepared.bytes);
    const instance = new WebAssembly.Instance(module, prepared.imports);
    adoption.attach(instance);
    return { module, instance };
  };
  const wasm = WebAssembly as unknown as Record<string, unknown>;
  wasm["instantiate"] = adopting;
  wasm["instantiateStreaming"] = undefined;
  try {
    return { loaded: await load(), program: () => adoption.program };
  } finally {
    Object.assign(wasm, { instantiate, instantiateStreaming });
  }
}

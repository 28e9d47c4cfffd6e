import { dumpHeap, Heap, type HeapOptions, loadDump } from "../../src/index.ts";

export const MIB: number = 1024 * 1024;
export const PAGE = 4096;

/** A heap under test and what must stay untouched around it. */
export interface Subject {
  readonly heap: Heap;
  /** Index of the first byte outside of the heap that has changed, or -1. */
  foreignFault(): number;
}

/** A kind of memory that a heap can live in. `sizeBytes` is what it has at first, `maximumBytes` what it can reach. */
export interface MemoryCase {
  readonly name: string;
  readonly sizeBytes: number;
  readonly maximumBytes: number;
  make(): Subject;
}

const untouched = (heap: Heap): Subject => ({ heap, foreignFault: () => -1 });

/** The ways that lead to a heap: those of `Heap`, or of what extends it. */
export type HeapMaker = Pick<typeof Heap, "create" | "attach"> & { load(dump: Uint8Array): Heap };

function owned(maker: HeapMaker, name: string, options: HeapOptions): MemoryCase {
  const { sizeBytes = 0, maximumBytes = sizeBytes } = options;
  return { name, sizeBytes, maximumBytes, make: () => untouched(maker.create(options)) };
}

const FOREIGN_BYTE = 0xa5;

/** A heap between two bytes of a larger buffer whose every other byte is somebody else's. */
function embedded(
  maker: HeapMaker,
  name: string,
  sizeBytes: number,
  makeBuffer: (bytes: number) => SharedArrayBuffer | ArrayBuffer,
): MemoryCase {
  const start = 70_001;
  const end = start + sizeBytes;
  const make = (): Subject => {
    const memory = makeBuffer(end + 77_777);
    const bytes = new Uint8Array(memory);
    bytes.fill(FOREIGN_BYTE);
    const heap = maker.create({ memory, start, end });
    const isForeign = (at: number): boolean => bytes[at] === FOREIGN_BYTE;
    const foreignFault = (): number => {
      for (let at = 0; at < start; at++) if (!isForeign(at)) return at;
      for (let at = end; at < bytes.length; at++) if (!isForeign(at)) return at;
      return -1;
    };
    return { heap, foreignFault };
  };
  return { name, sizeBytes, maximumBytes: sizeBytes, make };
}

/** Every kind of memory, by every way that leads to a heap in it, of so many MiB: those that grow begin with one. */
export const memoryCasesOf = (maker: HeapMaker, mib = 6): readonly MemoryCase[] => [
  owned(maker, "SharedArrayBuffer", { sizeBytes: mib * MIB }),
  owned(maker, "ArrayBuffer", { sizeBytes: mib * MIB, shared: false }),
  owned(maker, "fixed shared WebAssembly.Memory", { sizeBytes: mib * MIB, maximumBytes: mib * MIB }),
  owned(maker, "fixed WebAssembly.Memory", { sizeBytes: mib * MIB, maximumBytes: mib * MIB, shared: false }),
  owned(maker, "growing shared WebAssembly.Memory", { sizeBytes: MIB, maximumBytes: (mib + 2) * MIB }),
  owned(maker, "growing WebAssembly.Memory", { sizeBytes: MIB, maximumBytes: (mib + 2) * MIB, shared: false }),
  embedded(maker, "part of a SharedArrayBuffer", mib * MIB, (bytes) => new SharedArrayBuffer(bytes)),
  embedded(maker, "part of an ArrayBuffer", mib * MIB, (bytes) => new ArrayBuffer(bytes)),
  {
    name: "part of a WebAssembly.Memory",
    sizeBytes: mib * MIB,
    maximumBytes: mib * MIB,
    make: () => {
      const memory = new WebAssembly.Memory({ initial: 128, maximum: 128 });
      return untouched(maker.create({ memory, start: 65_536, end: 65_536 + mib * MIB }));
    },
  },
  {
    name: "a buffer beyond 2 GiB",
    sizeBytes: mib * MIB,
    maximumBytes: mib * MIB,
    make: () => {
      const memory = new SharedArrayBuffer(2200 * MIB);
      return untouched(maker.create({ memory, start: 2100 * MIB, end: (2100 + mib) * MIB }));
    },
  },
  {
    name: "the top of a buffer of 4 GiB",
    sizeBytes: mib * MIB,
    maximumBytes: mib * MIB,
    make: () => {
      // Untouched pages of such a buffer cost nothing.
      const memory = new SharedArrayBuffer(4096 * MIB);
      return untouched(maker.create({ memory, start: (4096 - mib) * MIB }));
    },
  },
  {
    name: "attached",
    sizeBytes: mib * MIB,
    maximumBytes: mib * MIB,
    make: () => untouched(maker.attach(maker.create({ sizeBytes: mib * MIB }).source)),
  },
  {
    name: "attached at a start",
    sizeBytes: mib * MIB,
    maximumBytes: mib * MIB,
    make: () => {
      const memory = new ArrayBuffer(8 * MIB);
      maker.create({ memory, start: 70_001, end: 70_001 + mib * MIB });
      return untouched(maker.attach(memory, { start: 70_001 }));
    },
  },
  {
    name: "loaded",
    sizeBytes: mib * MIB,
    maximumBytes: mib * MIB,
    make: () => untouched(maker.load(dumpHeap(maker.create({ sizeBytes: mib * MIB, shared: false })))),
  },
];

export const MEMORY_CASES: readonly MemoryCase[] = memoryCasesOf({
  create: (options) => Heap.create(options),
  attach: (source, options) => Heap.attach(source, options),
  load: loadDump,
});

import { Heap, type HeapHandle } from "kmem";
import { DebugHeap, SampledHeap } from "kmem/debug";
import { FRAME_RECORD_BYTES, FrameRecord, Header, OwnerMark, PAGE_SIZE, RunKind, WORD_BYTES } from "kmem/layout";

const MIB = 2 ** 20;

/** Takes the report of a bug that a heap has found: the threads make no mistakes, so each is a fault of the heap. */
export type OnBug = (text: string) => void;

/** A heap on which threads are killed. */
export interface HeapConfig {
  readonly name: string;
  readonly create: (onBug: OnBug) => Heap;
  /** How another thread opens it. */
  readonly attach: (handle: HeapHandle, onBug: OnBug) => Heap;
}

const FIXED_BYTES = 8 * MIB;
const SHORT_BYTES = 2 * MIB;
const FIRST_BYTES = 2 * MIB;
const GROWN_BYTES = 16 * MIB;
/** One of so many allocations gets a guarded place, on average. */
const SAMPLE_EVERY = 3;

const attach = (handle: HeapHandle): Heap => Heap.attach(handle);

function debugOptions(onBug: OnBug): { report: (bug: { text(): string }) => void; stackDepth: number } {
  return { report: (bug) => onBug(bug.text()), stackDepth: 4 };
}

function sampling(onBug: OnBug): ReturnType<typeof debugOptions> & { sampleEvery: number } {
  return { ...debugOptions(onBug), sampleEvery: SAMPLE_EVERY };
}

export const HEAP_CONFIGS: readonly HeapConfig[] = [
  { name: "fixed", create: () => Heap.create({ sizeBytes: FIXED_BYTES }), attach },
  { name: "short of memory", create: () => Heap.create({ sizeBytes: SHORT_BYTES }), attach },
  { name: "growing", create: () => Heap.create({ sizeBytes: FIRST_BYTES, maximumBytes: GROWN_BYTES }), attach },
  {
    name: "debugged",
    create: (onBug) => DebugHeap.create({ sizeBytes: FIXED_BYTES, ...debugOptions(onBug) }),
    attach: (handle, onBug) => DebugHeap.attach(handle, debugOptions(onBug)),
  },
  {
    name: "sampled",
    create: (onBug) => SampledHeap.create({ sizeBytes: FIXED_BYTES, ...sampling(onBug) }),
    attach: (handle, onBug) => SampledHeap.attach(handle, sampling(onBug)),
  },
];

/** Bytes of the stacks that a heap has kept: they stay, however often its threads die. */
export function stackBytes(heap: Heap): number {
  const words = new Int32Array(heap.buffer);
  const kinds = new Uint8Array(heap.buffer);
  // The heap begins at the first byte of its memory.
  const header = (field: number): number => words[field]! >>> 0;
  const [first, end] = [header(Header.FIRST_PAGE_FRAME), header(Header.END_FRAME)];
  let pages = 0;
  for (let frame = first; frame < end; frame++) {
    const record = (header(Header.FRAME_TABLE) + frame * FRAME_RECORD_BYTES) / WORD_BYTES;
    const isRun = kinds[header(Header.KIND_TABLE) + frame] === RunKind.SYSTEM;
    if (isRun && words[record + FrameRecord.SLAB_OR_OWNER] === OwnerMark.DEBUG_DEPOT)
      pages += words[record + FrameRecord.COUNT]!;
  }
  return pages * PAGE_SIZE;
}

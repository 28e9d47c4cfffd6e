import { performance } from "node:perf_hooks";
import { Heap } from "kmem";
import { DebugHeap, SampledHeap } from "kmem/debug";

const NS_PER_MS = 1e6;
const SIZE_BYTES = 64 * 2 ** 20;
const LIVE_COUNT = 2000;
const SMALLEST_BYTES = 16;
const SIZES = 465;
/** Enough for hundreds of samples, so that the first ones, in which code is compiled, do not count. */
const PLAIN_OPERATIONS = 40_000_000;
const DEBUG_OPERATIONS = 100_000;
/** Calls around each alloc and free, so that there are stacks to keep. */
const CALL_DEPTH = 8;
const MULTIPLIER = 1_103_515_245;
const INCREMENT = 12_345;
const LOW_BITS = 8;

interface Mode {
  readonly make: () => Heap;
  readonly operations: number;
}

interface Block {
  readonly address: number;
  readonly sizeBytes: number;
}

/** What a mode costs. */
export interface ModeCost {
  readonly nsPerOperation: number;
  /** The heap's footprint over the bytes that are live as they were asked for. */
  readonly footprint: number;
}

function debugMode(debug: string): [string, Mode] {
  const make = (): Heap => DebugHeap.create({ sizeBytes: SIZE_BYTES, debug });
  return [debug === "-" ? "DebugHeap without letters" : debug, { make, operations: DEBUG_OPERATIONS }];
}

const MODES: ReadonlyMap<string, Mode> = new Map<string, Mode>([
  ["off", { make: () => Heap.create({ sizeBytes: SIZE_BYTES }), operations: PLAIN_OPERATIONS }],
  [
    "sampled, 1 of 100,000",
    { make: () => SampledHeap.create({ sizeBytes: SIZE_BYTES }), operations: PLAIN_OPERATIONS },
  ],
  [
    "sampled, 1 of 10,000",
    {
      make: () => SampledHeap.create({ sizeBytes: SIZE_BYTES, sampleEvery: 10_000 }),
      operations: PLAIN_OPERATIONS,
    },
  ],
  ...["-", "F", "Z", "P", "U", "FZP", "FZPU"].map(debugMode),
  [
    "FZPU, traced",
    {
      make: () => DebugHeap.create({ sizeBytes: SIZE_BYTES, debug: "FZPU", traceEvents: 4096 }),
      operations: DEBUG_OPERATIONS,
    },
  ],
]);

/** The modes that find memory bugs, by name; the first one is a plain heap. */
export const MODE_NAMES: readonly string[] = [...MODES.keys()];

/** Random churn: frees and allocates until so many operations are done, around a number of live blocks. */
function churn(heap: Heap, operations: number, live: Block[]): void {
  let state = 1;
  for (let count = 0; count < operations; count++) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) | 0;
    const random = state >>> LOW_BITS;
    if (live.length < LIVE_COUNT) {
      const sizeBytes = SMALLEST_BYTES + (random % SIZES);
      live.push({ address: heap.alloc(sizeBytes), sizeBytes });
      continue;
    }
    const chosen = random % live.length;
    const last = live.pop();
    const block = live[chosen] ?? last;
    if (last !== undefined && chosen < live.length) live[chosen] = last;
    heap.free(block?.address ?? 0);
  }
}

function callNested<Result>(depth: number, work: () => Result): Result {
  return depth === 0 ? work() : callNested(depth - 1, work);
}

/** Measures a mode in this process, which should do nothing else. */
export function modeCost(name: string): ModeCost {
  const mode = MODES.get(name);
  if (mode === undefined) throw new Error(`no mode is called ${name}`);
  const heap = mode.make();
  const live: Block[] = [];
  callNested(CALL_DEPTH, () => churn(heap, mode.operations >> 2, live));
  const startMs = performance.now();
  callNested(CALL_DEPTH, () => churn(heap, mode.operations, live));
  const nsPerOperation = ((performance.now() - startMs) * NS_PER_MS) / mode.operations;
  const askedBytes = live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { nsPerOperation, footprint: heap.footprintBytes / askedBytes };
}

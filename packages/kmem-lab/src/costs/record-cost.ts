import { performance } from "node:perf_hooks";
import { Heap } from "kmem";
import { recordHeap } from "kmem/trace";
import { median } from "kmem-cli/internal/system/statistics";
import { threeDigits } from "kmem-cli/internal/system/units";
import { writeFigure } from "../figures/repository.ts";
import { measureRounds } from "./rounds.ts";

const NS_PER_MS = 1e6;
const SIZE_BYTES = 64 * 2 ** 20;
const LIVE_COUNT = 2000;
const SMALLEST_BYTES = 16;
const SIZES = 465;
const OPERATIONS = 10_000_000;
/** Before that, until the code is compiled and the pages of the heap and of the log are there. */
const WARM_UP_OPERATIONS = 2_000_000;
const CALLS = 65_536;
const MULTIPLIER = 1_103_515_245;
const INCREMENT = 12_345;
const LOW_BITS = 8;
const ROUNDS = 7;
const HEADER = ["memory", "plain, ns a call", "recorded, ns a call", "what recording adds, ns", "from", "to"];

/** Memories in which calls are recorded: of one thread, which needs no tickets, and one that threads share. */
const MEMORIES = [
  { name: "of one thread", slotCount: 1 },
  { name: "shared by threads", slotCount: 64 },
] as const;

/** What is measured in a process of its own. */
interface RecordJob {
  readonly slotCount: number;
  readonly isRecorded: boolean;
}

/** Frees and allocates by chance around a number of live blocks. */
function churn(heap: Heap, live: Int32Array, operations: number): void {
  let state = 1;
  for (let count = 0; count < operations; count += 2) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) | 0;
    const random = state >>> LOW_BITS;
    const place = random % LIVE_COUNT;
    heap.free(live[place]!);
    live[place] = heap.alloc(SMALLEST_BYTES + (random % SIZES));
  }
}

/** Nanoseconds of a call, in a process that does nothing else. */
export function recordCost(job: string): number {
  const { slotCount, isRecorded } = JSON.parse(job) as RecordJob;
  const heap = Heap.create({ sizeBytes: SIZE_BYTES, slotCount });
  if (isRecorded) recordHeap(heap, { callCount: CALLS });
  const live = new Int32Array(LIVE_COUNT);
  churn(heap, live, WARM_UP_OPERATIONS);
  const start = performance.now();
  churn(heap, live, OPERATIONS);
  return ((performance.now() - start) * NS_PER_MS) / OPERATIONS;
}

/** Measures what recording adds to a call, and writes docs/figures/record-cost.csv. */
export async function writeRecordCost(): Promise<void> {
  const jobs = MEMORIES.flatMap(({ slotCount }) =>
    [false, true].map((isRecorded): RecordJob => ({ slotCount, isRecorded })),
  );
  const rounds = await measureRounds<number>(
    "record",
    jobs.map((job) => JSON.stringify(job)),
    ROUNDS,
  );
  const rows = MEMORIES.map(({ name }, index) => {
    const [plain, recorded] = [rounds[2 * index]!, rounds[2 * index + 1]!];
    const added = recorded.map((ns, round) => ns - plain[round]!);
    const figures = [median(plain), median(recorded), median(added), Math.min(...added), Math.max(...added)];
    return [name, ...figures.map(threeDigits)];
  });
  const cells = [HEADER, ...rows];
  writeFigure("record-cost", cells, cells);
}

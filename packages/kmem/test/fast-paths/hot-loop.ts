// Run by a test with V8's tracing on: allocates and frees until all is optimised, and then a million times more between
// two marks. The marks go the way of the traces, which are buffered; other output would come between them anywhere.
import { argv } from "node:process";
import { Heap } from "../../src/heap/heap.ts";
import { HOT_BEGIN, HOT_END } from "./hot-loop-marks.ts";

const WARM_ROUNDS = 200;
const HOT_ROUNDS = 100;
const ROUND_OPERATIONS = 10_000;
const LIVE_BLOCKS = 64;

// Natives are no syntax that tools know.
const print = new Function("text", "%GlobalPrint(text)") as (text: string) => void;

const heap = Heap.create();
const { alloc, free } = heap;
const cache = heap.createCache({ name: "objects", sizeBytes: 96 });
const blocks = new Int32Array(LIVE_BLOCKS);
const objects = new Int32Array(LIVE_BLOCKS);

function hotHeap(): void {
  for (let operation = 0; operation < ROUND_OPERATIONS; operation++) {
    const place = operation & (LIVE_BLOCKS - 1);
    if (blocks[place] !== 0) free(blocks[place]);
    blocks[place] = alloc(16 + ((operation * 40) & 1023));
  }
}

function hotCache(): void {
  for (let operation = 0; operation < ROUND_OPERATIONS; operation++) {
    const place = operation & (LIVE_BLOCKS - 1);
    if (objects[place] !== 0) cache.free(objects[place]);
    objects[place] = cache.alloc();
  }
}

function rounds(count: number): void {
  for (let round = 0; round < count; round++) {
    hotHeap();
    hotCache();
  }
}

rounds(WARM_ROUNDS);
print(`\n${HOT_BEGIN}\n`);
rounds(HOT_ROUNDS);
// To see that the test notices: what is no number comes once in the hot stretch.
if (argv.includes("--spoil")) {
  try {
    alloc("no size" as unknown as number);
  } catch {
    rounds(HOT_ROUNDS);
  }
}
print(`\n${HOT_END}\n`);

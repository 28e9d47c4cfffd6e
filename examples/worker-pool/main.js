// A pool of workers that invert frames of a video. A frame is a block of the heap: what goes to a worker and comes back
// is its address, never its pixels.
import { cpus } from "node:os";
import { Worker } from "node:worker_threads";
import { checkHeap, Heap, heapStats } from "kmem";

const WIDTH = 320;
const HEIGHT = 240;
const FRAME_BYTES = WIDTH * HEIGHT;

/** Inverts so many frames in a pool; resolves to how many came back right. */
export async function run(frameCount, workerCount = Math.min(4, cpus().length)) {
  const heap = Heap.create({ sizeBytes: 16 * 2 ** 20 });
  const file = new URL("./worker.js", import.meta.url);
  const workers = Array.from({ length: workerCount }, () => new Worker(file, { workerData: heap.handle }));
  let [sent, right] = [0, 0];

  await Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          const next = () => {
            if (sent === frameCount) return worker.postMessage(0);
            const frame = heap.alloc(FRAME_BYTES);
            heap.u8(frame, FRAME_BYTES).fill(sent % 256);
            worker.postMessage(frame);
            sent += 1;
          };
          worker.on("message", ({ frame, was }) => {
            if (heap.u8(frame, FRAME_BYTES).every((pixel) => pixel === 255 - was)) right += 1;
            heap.free(frame);
            next();
          });
          worker.on("exit", resolve);
          worker.on("error", reject);
          next();
        }),
    ),
  );
  const isWhole = checkHeap(heap).isClean && heapStats(heap).liveBlocks === 0;
  return { right, isWhole };
}

if (import.meta.main ?? true) console.log(await run(200));

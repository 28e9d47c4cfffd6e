// Workers that fill one cache. One of them is killed in the middle of it; the cache and all others go on.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { checkHeap, Heap, heapStats, watchWorker } from "kmem";
import { LruCache } from "./cache.js";

/** Kills so many workers, one after the other, while another works on; resolves to what is left. */
export async function run(kills = 1) {
  const heap = Heap.create({ sizeBytes: 32 * 2 ** 20 });
  const cache = new LruCache(heap, { sets: 64 });
  const start = (handle, rounds) => {
    const workerData = { handle, address: cache.address, rounds };
    return new Worker(new URL("./worker.js", import.meta.url), { workerData });
  };
  const ended = once(start(heap.handle, 20_000), "exit"); // one that lives

  for (let kill = 0; kill < kills; kill += 1) {
    const place = heap.reserve();
    const victim = start(place, Number.POSITIVE_INFINITY);
    const reaped = new Promise((onReaped) =>
      watchWorker(heap, victim, place, { blocks: "give", to: heap.slot, onReaped }),
    );
    await once(victim, "message"); //         it is at work
    victim.terminate();
    cache.sweep((await reaped).blocks); //    its entries stay; what it had not put in yet goes
  }

  await ended;
  const keys = [...cache.keys()];
  const wrong = keys.filter((key) => cache.get(key) !== `value of ${key}`);
  const isWhole = checkHeap(heap).isClean && heapStats(heap).liveBlocks === keys.length + 1;
  return { keys: keys.length, wrong, isWhole };
}

if (import.meta.main ?? true) console.log(await run(3));

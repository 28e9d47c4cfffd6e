import { parentPort, workerData } from "node:worker_threads";
import { Heap } from "kmem";
import { LruCache } from "./cache.js";

const heap = Heap.attach(workerData.handle);
const cache = new LruCache(heap, { address: workerData.address });

for (let round = 0; round < workerData.rounds; round += 1) {
  const key = `clé ${Math.floor(Math.random() * 2000)}`;
  const value = cache.get(key);
  if (value === undefined) cache.set(key, `value of ${key}`);
  else if (value !== `value of ${key}`) throw new Error(`${key} has ${value}`);
  if (round === 5000) parentPort.postMessage("at work");
}
heap.detach();

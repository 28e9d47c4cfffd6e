import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { PartsOrders } from "./parts-worker.ts";

/** Starts a thread of `parts-worker.ts`; the promise is for what it posts at its end. */
export async function startPart(orders: PartsOrders, party: number): Promise<number[]> {
  const worker = new Worker(new URL("./parts-worker.ts", import.meta.url), { workerData: { orders, party } });
  const [result] = (await once(worker, "message")) as [number[]];
  await worker.terminate();
  return result;
}

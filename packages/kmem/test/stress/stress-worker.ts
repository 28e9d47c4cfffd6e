// A thread of the stress: takes its orders from `workerData` and posts a report when it goes.
import { parentPort, workerData } from "node:worker_threads";
import type { StressOrders, StressReport } from "./orders.ts";
import { sabotageLocks } from "./sabotage-locks.ts";

const orders = workerData as StressOrders;
// Both before the library is imported, which may read them only then.
(globalThis as { KMEM_ASSERTIONS?: boolean }).KMEM_ASSERTIONS = orders.configuration.assertions;
const { memory } = orders.handle;
sabotageLocks(orders.configuration.sabotage, memory instanceof WebAssembly.Memory ? memory.buffer : memory);

const { StressThread } = await import("./stress-thread.ts");
const { Aborted, Control } = await import("./control.ts");
try {
  parentPort?.postMessage(await new StressThread(orders).run());
} catch (error) {
  // A thread that gives up because another one has failed leaves it to that one to say why.
  if (error instanceof Aborted) parentPort?.postMessage({ name: "aborted" } satisfies StressReport);
  else {
    new Control(orders.parties, orders.control).abort();
    throw error;
  }
}

import { parentPort, workerData } from "node:worker_threads";
import { DebugHeap } from "../../../src/debug/index.ts";
import type { HeapHandle } from "../../../src/index.ts";
import { stamp, stampFault } from "../../support/pattern.ts";
import { type Goods, type TradeOrders, trade } from "../../support/trade.ts";

/** What each thread is to do, and with which heap. */
export interface CleanOrders extends TradeOrders {
  readonly handle: HeapHandle;
}

/** What a thread has done, and what its heap reported. */
export interface CleanTrade {
  readonly taken: number;
  readonly foreign: number;
  readonly reports: readonly string[];
}

const OBJECT_KIND = 1;
const BLOCK_KIND = 0;
const SIZE_MAX = 3000;
const LARGE_MAX = 60_000;
const LARGE_ONE_IN = 100;

const { handle, ...orders } = workerData as CleanOrders;
const reports: string[] = [];
const heap = DebugHeap.attach(handle, { stackDepth: 2, report: (bug) => void reports.push(bug.text()) });
const cache = heap.openCache("traded");
const bytes = (): Uint8Array => new Uint8Array(heap.buffer);

const goods: Goods = {
  take: (random, seed) => {
    const isObject = random.below(3) === 0;
    const blockBytes = random.size(random.below(LARGE_ONE_IN) === 0 ? LARGE_MAX : SIZE_MAX);
    const sizeBytes = isObject ? cache.sizeBytes : blockBytes;
    const address = isObject ? cache.tryAlloc() : heap.tryAlloc(sizeBytes);
    if (address === 0) return undefined;
    stamp(bytes(), address, sizeBytes, seed);
    return { kind: isObject ? OBJECT_KIND : BLOCK_KIND, address, sizeBytes, seed };
  },
  give: ({ kind, address, sizeBytes, seed }) => {
    if (stampFault(bytes(), address, sizeBytes, seed) >= 0) throw new Error(`what lies at ${address} was changed`);
    if (kind === OBJECT_KIND) cache.free(address);
    else heap.free(address);
  },
};

const result = trade(goods, orders);
heap.detach();
parentPort?.postMessage({ ...result, reports });

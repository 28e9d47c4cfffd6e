// A thread of the tests of My Kernel: trades blocks with the other thread, and frees what that one allocated.
import { parentPort, workerData } from "node:worker_threads";
import { Heap, type HeapHandle } from "../../../src/index.ts";
import {
  KMALLOC_DEFAULT,
  KMALLOC_KERNEL,
  LogRing,
  type MyKernel,
  mykernel,
} from "../../../src/kernels/mykernel/mykernel.ts";
import type { Parcel } from "../../support/mailbox.ts";
import { stamp, stampFault } from "../../support/pattern.ts";
import type { Random } from "../../support/random.ts";
import { type Goods, type TradeOrders, trade } from "../../support/trade.ts";

export interface MyKernelOrders {
  readonly handle: HeapHandle;
  readonly trade: TradeOrders;
  readonly maximumBytes: number;
}

const Kind = { BLOCK: 0, CLEAR: 1, MOVED: 2, DMA: 3 } as const;
const KINDS: readonly number[] = [Kind.BLOCK, Kind.BLOCK, Kind.BLOCK, Kind.CLEAR, Kind.MOVED, Kind.DMA];

function goodsOf(kernel: MyKernel, maximumBytes: number): Goods {
  const bytes = (): Uint8Array => new Uint8Array(kernel.heap.buffer);
  const allocate = (kind: number, sizeBytes: number, flags: number): number => {
    if (kind === Kind.DMA) return kernel.kmalloc_dma(sizeBytes);
    if (kind === Kind.CLEAR) return kernel.kcalloc(1, sizeBytes, flags);
    const ptr = kernel.kmalloc(sizeBytes, flags);
    if (kind === Kind.BLOCK || ptr === 0) return ptr;
    stamp(bytes(), ptr, sizeBytes, 1);
    const moved = kernel.krealloc(ptr, sizeBytes, KMALLOC_KERNEL - flags);
    if (moved === 0) kernel.kfree(ptr);
    else if (stampFault(bytes(), moved, sizeBytes, 1) >= 0) throw new Error(`krealloc has lost bytes of ${moved}`);
    return moved;
  };
  return {
    take: (random: Random, seed: number): Parcel | undefined => {
      const kind = random.pick(KINDS);
      const sizeBytes = 1 + random.size(random.below(20) === 0 ? maximumBytes : 600);
      const address = allocate(kind, sizeBytes, random.pick([KMALLOC_DEFAULT, KMALLOC_KERNEL]));
      if (address === 0) return undefined;
      if (
        kind === Kind.CLEAR &&
        bytes()
          .subarray(address, address + sizeBytes)
          .some((byte) => byte !== 0)
      ) {
        throw new Error(`kcalloc has not cleared ${address}`);
      }
      stamp(bytes(), address, sizeBytes, seed);
      return { kind, address, sizeBytes, seed };
    },
    give: ({ kind, address, sizeBytes, seed }: Parcel): void => {
      if (stampFault(bytes(), address, sizeBytes, seed) >= 0) throw new Error(`the block at ${address} was changed`);
      if (kind === Kind.DMA) kernel.kfree_dma(address);
      else kernel.kfree(address);
    },
  };
}

const { handle, trade: orders, maximumBytes } = workerData as MyKernelOrders;
const log = new LogRing();
const heap = Heap.attach(handle);
const kernel = mykernel(heap, log);
const result = trade(goodsOf(kernel, maximumBytes), orders);
heap.detach();
parentPort?.postMessage({ ...result, messages: log.messages() });

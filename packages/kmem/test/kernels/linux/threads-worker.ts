// A thread of the tests of the Linux face: binds it to heaps, trades what it gives with another thread, or holds memory
// back until it is told to free it.
import { parentPort, workerData } from "node:worker_threads";
import { Heap, type HeapHandle, KmemError } from "../../../src/index.ts";
import { GFP_ATOMIC, GFP_KERNEL, type Linux, LogRing, linux } from "../../../src/kernels/linux/linux.ts";
import { mykernel } from "../../../src/kernels/mykernel/mykernel.ts";
import type { Parcel } from "../../support/mailbox.ts";
import { stamp, stampFault } from "../../support/pattern.ts";
import type { Random } from "../../support/random.ts";
import { type Goods, meet, type TradeOrders, trade } from "../../support/trade.ts";
import { ELEMENT_BYTES, type Hold, type LinuxOrders, OBJECT_BYTES, type Share, type Traded } from "./trades.ts";

const Kind = { BLOCK: 0, CLEAR: 1, OBJECT: 2, PAGES: 3, AREA: 4, SLAB_ELEMENT: 5, ELEMENT: 6 } as const;
const KINDS: readonly number[] = [0, 0, 0, 1, 2, 2, 2, 3, 4, 5, 6];
const AREA_BYTES_MAX = 30_000;
const BLOCK_BYTES_MAX = 60_000;

/** The face's ways to get each kind of thing and to give it back. */
class LinuxGoods {
  readonly #calls: Linux;
  readonly #traded: Traded;

  constructor(calls: Linux, traded: Traded) {
    this.#calls = calls;
    this.#traded = traded;
  }

  take(random: Random, seed: number): Parcel | undefined {
    const kind = random.pick(KINDS);
    const { address, sizeBytes } = this.#allocate(kind, random);
    if (address === 0) return undefined;
    if (kind === Kind.CLEAR && this.#bytes.subarray(address, address + sizeBytes).some((byte) => byte !== 0)) {
      throw new Error(`kzalloc has not cleared ${address}`);
    }
    if (kind === Kind.AREA) this.#calls.vm.fill(address, sizeBytes, seed & 0xff);
    else stamp(this.#bytes, address, sizeBytes, seed);
    return { kind, address, sizeBytes, seed };
  }

  give(parcel: Parcel): void {
    const { kind, address, sizeBytes, seed } = parcel;
    const { vm, kfree, kmem_cache_free, free_pages, vfree, mempool_free } = this.#calls;
    const isWhole =
      kind === Kind.AREA
        ? vm.readBytes(address, sizeBytes).every((byte) => byte === (seed & 0xff))
        : stampFault(this.#bytes, address, sizeBytes, seed) < 0;
    if (!isWhole) throw new Error(`what lies at ${address} (kind ${kind}) was changed`);
    if (kind === Kind.OBJECT) kmem_cache_free(this.#traded.cachep, address);
    else if (kind === Kind.PAGES) free_pages(address, Math.log2(sizeBytes / 4096));
    else if (kind === Kind.AREA) vfree(address);
    else if (kind === Kind.SLAB_ELEMENT) mempool_free(address, this.#traded.slabPool);
    else if (kind === Kind.ELEMENT) mempool_free(address, this.#traded.kmallocPool);
    else kfree(address);
  }

  get #bytes(): Uint8Array {
    return new Uint8Array(this.#calls.heap.buffer);
  }

  #allocate(kind: number, random: Random): { address: number; sizeBytes: number } {
    const { kmalloc, kzalloc, kmem_cache_alloc, __get_free_pages, vmalloc, mempool_alloc } = this.#calls;
    const sizeBytes = 1 + random.size(random.below(10) === 0 ? BLOCK_BYTES_MAX : 700);
    const mask = random.pick([GFP_KERNEL, GFP_KERNEL, GFP_ATOMIC]);
    if (kind === Kind.BLOCK) return { address: kmalloc(sizeBytes, mask), sizeBytes };
    if (kind === Kind.CLEAR) return { address: kzalloc(sizeBytes, mask), sizeBytes };
    if (kind === Kind.OBJECT) {
      return { address: kmem_cache_alloc(this.#traded.cachep, mask), sizeBytes: OBJECT_BYTES };
    }
    if (kind === Kind.PAGES) {
      const order = random.below(4);
      return { address: __get_free_pages(mask, order), sizeBytes: 4096 << order };
    }
    if (kind === Kind.AREA) {
      const areaBytes = 1 + random.below(AREA_BYTES_MAX);
      return { address: vmalloc(areaBytes), sizeBytes: areaBytes };
    }
    // Who waits for an element while the other does the same would wait for ever.
    const pool = kind === Kind.ELEMENT ? this.#traded.kmallocPool : this.#traded.slabPool;
    return { address: mempool_alloc(pool, GFP_ATOMIC), sizeBytes: ELEMENT_BYTES };
  }
}

function bind(handles: readonly HeapHandle[], { words }: TradeOrders): readonly string[] {
  const log = new LogRing();
  // Attached beforehand, so that both threads come to the first binding in the same moment.
  const heaps = handles.map((handle) => Heap.attach(handle));
  for (const heap of heaps) {
    meet(words, 2);
    const calls = linux(heap, log);
    const buckets = mykernel(heap, log);
    const area = calls.vmalloc(10_000);
    const pointer = buckets.kmalloc(100, 0);
    calls.vfree(area);
    buckets.kfree(pointer);
    heap.detach();
  }
  return log.messages();
}

function tradeAll(handle: HeapHandle, traded: Traded, orders: TradeOrders): object {
  const log = new LogRing();
  const heap = Heap.attach(handle);
  const goods = new LinuxGoods(linux(heap, log, { waitMs: 2 }), traded);
  const asGoods: Goods = { take: (random, seed) => goods.take(random, seed), give: (parcel) => goods.give(parcel) };
  const result = trade(asGoods, orders);
  heap.detach();
  return { ...result, messages: log.messages() };
}

function hold(handle: HeapHandle, { pool, words: memory, delayMs }: Hold): string | undefined {
  const words = new Int32Array(memory);
  const heap = Heap.attach(handle);
  const calls = linux(heap, new LogRing());
  const take = (): number => (pool === undefined ? heap.pages.tryAlloc(1) : calls.mempool_alloc(pool, GFP_ATOMIC));
  const held: number[] = [];
  try {
    for (let got = take(); got !== 0; got = take()) held.push(got);
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    Atomics.wait(words, 1, 0);
    Atomics.wait(words, 2, 0, delayMs);
    for (const address of held) {
      if (pool === undefined) heap.pages.free(address, 1);
      else calls.mempool_free(address, pool);
    }
    heap.detach();
    return undefined;
  } catch (error) {
    if (error instanceof KmemError) return error.message;
    throw error;
  }
}

/** Takes one or two elements at a time and gives them back; returns how often. */
function share(handle: HeapHandle, { pool, owned, rounds }: Share, { words }: TradeOrders): number {
  const bytes = new Uint8Array(owned);
  const heap = Heap.attach(handle);
  const calls = linux(heap, new LogRing());
  const none = (): number => 0;
  const refuse = (element: number): void => {
    throw new Error(`the reserve had no room for ${element}`);
  };
  if (calls.mempool_alloc(pool, GFP_ATOMIC) !== 0) throw new Error("a pool gave without its functions");
  if (calls.mempool_open(pool, none, refuse) !== pool) throw new Error("the pool could not be opened");
  const take = (): number => {
    const element = calls.mempool_alloc(pool, GFP_KERNEL);
    if (element === 0) throw new Error("a waiter got NULL");
    if (Atomics.exchange(bytes, element, 1) !== 0) throw new Error(`two threads have element ${element}`);
    return element;
  };
  meet(words, 2);
  let round = 0;
  for (; round < rounds; round++) {
    const elements = round % 3 === 0 ? [take(), take()] : [take()];
    for (const element of elements) {
      Atomics.store(bytes, element, 0);
      calls.mempool_free(element, pool);
    }
  }
  // As long as the other works, it must not be alone.
  meet(words, 2);
  heap.detach();
  return round;
}

const orders = workerData as LinuxOrders;
if (orders.name === "bind") parentPort?.postMessage(bind(orders.handles, orders.trade));
else if (orders.name === "trade") parentPort?.postMessage(tradeAll(orders.handle, orders.traded, orders.trade));
else if (orders.name === "share") parentPort?.postMessage(share(orders.handle, orders.share, orders.trade));
else parentPort?.postMessage(hold(orders.handle, orders.hold));

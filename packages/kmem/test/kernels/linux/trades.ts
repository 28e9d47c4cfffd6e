import type { HeapHandle } from "../../../src/index.ts";
import type { TradeOrders } from "../../support/trade.ts";

/** What is traded beside blocks, pages and areas: pointers of caches and mempools. */
export interface Traded {
  readonly cachep: number;
  /** The cache of the slab pool's elements. */
  readonly elements: number;
  readonly slabPool: number;
  readonly kmallocPool: number;
}

/** What a thread holds back, and for how long. */
export interface Hold {
  /** What is taken until there is no more: elements of this mempool, or single pages. */
  readonly pool: number | undefined;
  /** Word 0 is set when all is held; once word 1 is set, all is freed after `delayMs`. */
  readonly words: SharedArrayBuffer;
  readonly delayMs: number;
}

/** How a thread uses a pool that has no allocator behind it. */
export interface Share {
  readonly pool: number;
  /** A byte for each element, not 0 while a thread has it. */
  readonly owned: SharedArrayBuffer;
  readonly rounds: number;
}

/** What a thread of the tests is to do. */
export type LinuxOrders =
  | { readonly name: "bind"; readonly handles: readonly HeapHandle[]; readonly trade: TradeOrders }
  | { readonly name: "trade"; readonly handle: HeapHandle; readonly trade: TradeOrders; readonly traded: Traded }
  | { readonly name: "share"; readonly handle: HeapHandle; readonly share: Share; readonly trade: TradeOrders }
  | { readonly name: "hold"; readonly handle: HeapHandle; readonly hold: Hold };

export const OBJECT_BYTES = 200;
export const ELEMENT_BYTES = 700;

/** How pages are wanted. */
export interface PageRequest {
  /** The first frame is a multiple of this power of two. Default 1. */
  readonly alignFrames?: number;
  /** Take from the DMA zone only. Default: the normal zone, then DMA. */
  readonly dma?: boolean;
  /** May go below the lowest watermark, as GFP_ATOMIC may. */
  readonly mayUseReserve?: boolean;
  /** Only from pages that are free now: neither cached runs are given up for it, nor does the memory grow. */
  readonly isOptional?: boolean;
}

/** A request for pages from anywhere. */
export const ANY_PAGES: PageRequest = {};

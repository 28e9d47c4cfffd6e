import {
  anyValue,
  type Checks,
  describeValue,
  isPowerOfTwoFrom,
  readOptions,
  requireBoolean,
  requireText,
} from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { PageRequest } from "../pages/page-request.ts";
import { VMALLOC_START } from "./layout.ts";

/** How an area is wanted. */
export interface AreaOptions {
  /** Who asks, for {@link Vmalloc.areas}: up to 84 characters of ASCII. Default: nobody. */
  readonly caller?: string;
  /** The area starts at a multiple of this power of two, in bytes. Default: a page. */
  readonly alignmentBytes?: number;
  /** May use the reserve of the page allocator. */
  readonly reserve?: boolean;
  /** Takes frames of the DMA zone only. */
  readonly dma?: boolean;
}

const AREA_CHECKS: Checks<AreaOptions> = {
  caller: requireText,
  alignmentBytes: anyValue,
  reserve: requireBoolean,
  dma: requireBoolean,
};

/**
 * What is asked for, read from the options before the lock is taken: reading them may run a user's code. Who asks often
 * for the same makes it once and hands it in as its options.
 */
export class AreaRequest implements AreaOptions, PageRequest {
  readonly caller: string;
  readonly alignPages: number;
  readonly mayUseReserve: boolean;
  readonly dma: boolean;
  /** What is asked of a value that may be anybody's: a private name, which runs nothing of a proxy's. */
  readonly #isChecked = true;

  private constructor({ caller = "", alignmentBytes = PAGE_SIZE, reserve = false, dma = false }: AreaOptions) {
    this.caller = caller;
    this.alignPages = alignmentPages(alignmentBytes);
    this.mayUseReserve = reserve;
    this.dma = dma;
  }

  /** Throws BAD_ARGUMENT or BAD_ALIGNMENT. */
  static of(options: AreaOptions): AreaRequest {
    const isChecked = typeof options === "object" && options !== null && #isChecked in options;
    return isChecked ? options : new AreaRequest(readOptions("options", options, AREA_CHECKS));
  }
}

function alignmentPages(alignmentBytes: number): number {
  if (isPowerOfTwoFrom(alignmentBytes, PAGE_SIZE) && alignmentBytes <= VMALLOC_START) {
    return alignmentBytes / PAGE_SIZE;
  }
  throw new KmemError(
    "BAD_ALIGNMENT",
    `areas are aligned to a power of two from ${PAGE_SIZE} to 2^32, not ${describeValue(alignmentBytes)}`,
    { alignmentBytes },
  );
}

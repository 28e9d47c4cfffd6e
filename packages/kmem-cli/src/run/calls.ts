import { type CMalloc, WASI_ERRORS } from "kmem/wasm";
import type { TraceRecorder } from "./trace-recorder.ts";

/** What is done with a program's calls of malloc's family besides serving them. */
export interface CallHooks {
  /** The number of the allocation that is to fail; undefined for none. */
  readonly failNth: number | undefined;
  readonly trace: TraceRecorder | undefined;
}

/** How often a program has called. */
export interface CallCounts {
  allocations: number;
  resizes: number;
  frees: number;
  /** Allocations and resizes that returned NULL. */
  failures: number;
}

type AllocationName = "malloc" | "calloc" | "realloc" | "reallocarray" | "aligned_alloc" | "memalign";

/**
 * A face that counts the calls of another, has one of them fail as without memory, and writes them down. Every call
 * that may give a block is an allocation, realloc too.
 */
export class WatchedCalls {
  readonly counts: CallCounts = { allocations: 0, resizes: 0, frees: 0, failures: 0 };
  readonly imports: CMalloc;
  readonly #hooks: CallHooks;
  #allocationCount = 0;

  constructor(face: CMalloc, hooks: CallHooks, addressAt: (place: number) => number) {
    this.#hooks = hooks;
    const { trace } = hooks;
    const allocates = (name: AllocationName, note: (address: number, args: readonly number[]) => void) => {
      const call = face[name] as (...args: number[]) => number;
      return (...args: number[]): number => {
        const address = this.#isToFail() ? 0 : call(...args);
        if (address === 0) this.counts.failures++;
        else note(address, args);
        return address;
      };
    };
    const resizes = (former: number, address: number, sizeBytes: number): void => {
      if (former === 0) {
        this.counts.allocations++;
        trace?.malloc(address, sizeBytes);
        return;
      }
      this.counts.resizes++;
      trace?.realloc(former, address, sizeBytes);
    };
    const aligned = (address: number, [alignment, size]: readonly number[]): void => {
      this.counts.allocations++;
      trace?.aligned(address, powerOfTwoFrom(unsigned(alignment)), unsigned(size));
    };
    this.imports = {
      malloc: allocates("malloc", (address, [size]) => {
        this.counts.allocations++;
        trace?.malloc(address, unsigned(size));
      }),
      calloc: allocates("calloc", (address, [count, size]) => {
        this.counts.allocations++;
        trace?.calloc(address, unsigned(count) * unsigned(size));
      }),
      realloc: allocates("realloc", (address, [former, size]) => resizes(unsigned(former), address, unsigned(size))),
      reallocarray: allocates("reallocarray", (address, [former, count, size]) =>
        resizes(unsigned(former), address, unsigned(count) * unsigned(size)),
      ),
      aligned_alloc: allocates("aligned_alloc", aligned),
      memalign: allocates("memalign", aligned),
      posix_memalign: (place, alignment, size) => {
        const error = this.#isToFail() ? WASI_ERRORS.ENOMEM : face.posix_memalign(place, alignment, size);
        if (error !== 0) this.counts.failures++;
        else aligned(addressAt(unsigned(place)), [alignment, size]);
        return error;
      },
      free: (address) => {
        this.counts.frees++;
        trace?.free(unsigned(address));
        face.free(address);
      },
      malloc_usable_size: (address) => face.malloc_usable_size(address),
    };
  }

  #isToFail(): boolean {
    return ++this.#allocationCount === this.#hooks.failNth;
  }
}

function unsigned(value = 0): number {
  return value >>> 0;
}

function powerOfTwoFrom(alignmentBytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, alignmentBytes)));
}

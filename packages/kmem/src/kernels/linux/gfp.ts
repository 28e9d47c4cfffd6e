import {
  __GFP_DMA,
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WAIT,
  __GFP_ZERO,
  GFP_MASK,
} from "../../gfp/flags.ts";
import type { WaitOptions } from "../../kmalloc/memory-wait.ts";
import { describeValue } from "../../memory/arguments.ts";
import { KmemError } from "../../memory/errors.ts";
import { type Kernel, NULL, orNull } from "./kernel.ts";

/** Whether a number is a combination of flags; prints the call's complaint where it is none. */
export function areFlags({ print }: Kernel, caller: string, flags: number, mask: number = GFP_MASK): boolean {
  if (!(Number.isInteger(flags) && flags >= 0 && (flags & ~mask) === 0 && flags <= mask)) {
    print(`${caller}: not a combination of flags: ${describeValue(flags)}`);
    return false;
  }
  if (!neverFails(flags) || mayWait(flags)) return true;
  print(`${caller}: __GFP_NOFAIL without __GFP_WAIT: ${describeValue(flags)}`);
  return false;
}

export function mayWait(gfp: number): boolean {
  return (gfp & __GFP_WAIT) !== 0;
}

export function neverFails(gfp: number): boolean {
  return (gfp & __GFP_NOFAIL) !== 0;
}

export function wantsZeros(gfp: number): boolean {
  return (gfp & __GFP_ZERO) !== 0;
}

/** The reserve is for those who must not wait and say that it matters. */
export function usesReserve(gfp: number): boolean {
  return (gfp & (__GFP_WAIT | __GFP_HIGH)) === __GFP_HIGH;
}

/** Where there is no DMA zone, all memory is good for DMA. */
export function wantsDma({ geometry }: Pick<Kernel, "geometry">, gfp: number): boolean {
  return (gfp & __GFP_DMA) !== 0 && geometry.dmaFrames > 0;
}

/** Says that an allocation has failed, unless the caller does not want to hear of it. */
export function warn({ print }: Kernel, gfp: number, message: string): void {
  if ((gfp & __GFP_NOWARN) === 0) print(message);
}

/** Does something for a caller that must not sleep: no shrinker, which might, is asked for memory. */
export function withoutSleep(kernel: Kernel, allocate: () => number): number {
  return kernel.kmalloc.shrinkers.pause(allocate);
}

/**
 * What a caller who may wait does when reclaiming has not helped: waits, through `wait`, until other threads free
 * memory, as long as the binding says, or with __GFP_NOFAIL for ever. NULL where that has not helped, at once where
 * nobody else is there. With __GFP_NOFAIL it throws instead where waiting could never end; `pageCount` is what it
 * waits for.
 */
export function waitFor(
  kernel: Kernel,
  gfp: number,
  pageCount: number,
  wait: (options: WaitOptions) => number,
): number {
  if (neverFails(gfp)) {
    if (!kernel.kmalloc.isSatisfiable(pageCount)) throw tooSmall();
    return waitForEver(kernel, () => wait({}));
  }
  if ((gfp & __GFP_NORETRY) !== 0 || kernel.waitMs === 0 || isAlone(kernel)) return NULL;
  try {
    return orNull(() => wait({ timeoutMs: kernel.waitMs }));
  } catch (error) {
    if (mustNotBlock(error)) return NULL;
    throw error;
  }
}

function waitForEver(kernel: Kernel, wait: () => number): number {
  try {
    const address = orNull(wait);
    if (address !== NULL) return address;
  } catch (error) {
    if (mustNotBlock(error)) throw mustNotSleep();
    throw error;
  }
  throw isAlone(kernel) ? nobodyElse() : tooSmall();
}

/** Whether no other thread is there that could free anything. */
export function isAlone({ layers }: Kernel): boolean {
  return layers.sync.waiters.isAlone;
}

/** What __GFP_NOFAIL throws where no other thread could end the wait. */
export function nobodyElse(): KmemError {
  return endless("no other thread is attached that could free any");
}

/** What __GFP_NOFAIL throws in a thread that may not sleep. */
export function mustNotSleep(): KmemError {
  return new KmemError("MUST_NOT_BLOCK", "__GFP_NOFAIL: there is no memory, and this thread must not sleep for it", {});
}

function tooSmall(): KmemError {
  return endless("the heap is too small for this ever to be had");
}

function endless(reason: string): KmemError {
  return new KmemError("OUT_OF_MEMORY", `__GFP_NOFAIL: there is no memory, and waiting would never end: ${reason}`, {});
}

function mustNotBlock(error: unknown): boolean {
  return error instanceof KmemError && error.code === "MUST_NOT_BLOCK";
}

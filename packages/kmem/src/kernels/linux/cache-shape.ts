import {
  CREATE_MASK,
  SLAB_CACHE_DMA,
  SLAB_DEBUG_FREE,
  SLAB_HWCACHE_ALIGN,
  SLAB_POISON,
  SLAB_RED_ZONE,
} from "../../gfp/flags.ts";
import { describeValue } from "../../memory/arguments.ts";
import { GRANULE, WORD_BYTES } from "../../memory/layout.ts";
import { MAX_OBJECT_BYTES } from "../../slab/size-classes.ts";
import { CACHE_NAME_LIMIT, L1_CACHE_BYTES, OBJECT_MIN_BYTES } from "./layout.ts";

/** What kmem_cache_create is asked for. */
export interface NewCache {
  readonly name: string | null;
  readonly size: number;
  readonly offset: number;
  readonly flags: number;
}

/** What the heap is asked for, and what there is to say about it. */
export interface CacheShape {
  readonly name: string;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
  readonly colourBytes: number;
  readonly dma: boolean;
  readonly keepsSlabs: boolean;
  readonly ownerFlags: number;
  readonly notices: readonly string[];
  /** For a heap that is debugged; no other looks at it. */
  readonly debug: string | undefined;
}

/** Why a cache cannot be made, in the words of Linux 2.2 where it has some, or undefined. */
export function createProblem(
  { name, size, offset, flags }: NewCache,
  hasCtor: boolean,
  hasDtor: boolean,
  exists: (name: string) => boolean,
): string | undefined {
  if (name === null || name === undefined) return "NULL ptr";
  if (typeof name !== "string" || !/^[\x20-\x7e]+$/.test(name))
    return `Illegal name - ${typeof name === "string" ? name : describeValue(name)}`;
  if (name.length >= CACHE_NAME_LIMIT) return `Name too long - ${name}`;
  if (!Number.isInteger(size) || size < OBJECT_MIN_BYTES) return `Size too small ${describeValue(size)} - ${name}`;
  if (size > MAX_OBJECT_BYTES) return `Size too large ${size} - ${name}`;
  if (hasDtor && !hasCtor) return `Decon but no con - ${name}`;
  if (!Number.isInteger(offset) || offset < 0 || offset > size)
    return `Offset weird ${describeValue(offset)} - ${name}`;
  if (!Number.isInteger(flags) || flags < 0 || flags > CREATE_MASK || (flags & ~CREATE_MASK) !== 0) {
    return `Illegal flg ${Number.isInteger(flags) ? flags.toString(16).toUpperCase() : describeValue(flags)} - ${name}`;
  }
  return exists(name) ? `Dup name - ${name}` : undefined;
}

/** How the heap makes the cache; `hasDmaZone` where there is memory that is not for DMA. */
export function shapeOf({ name, size, offset, flags }: NewCache, hasCtor: boolean, hasDmaZone: boolean): CacheShape {
  const notices = size % WORD_BYTES === 0 ? [] : [`kmem_create: Forcing size word alignment - ${name}`];
  if (hasCtor && (flags & SLAB_POISON) !== 0) {
    notices.push(`kmem_create: Poisoning requested, but con given - ${name}`);
  }
  const alignmentBytes = (flags & SLAB_HWCACHE_ALIGN) !== 0 ? lineShare(size) : GRANULE;
  return {
    name: name as string,
    sizeBytes: size,
    alignmentBytes,
    colourBytes: Math.ceil(offset / alignmentBytes) * alignmentBytes || L1_CACHE_BYTES,
    dma: hasDmaZone && (flags & SLAB_CACHE_DMA) !== 0,
    keepsSlabs: true,
    ownerFlags: flags,
    debug: debugLetters(flags, hasCtor),
    notices,
  };
}

/** What the flags for debugging are to a `DebugHeap`, beside the letters that it has for all caches. */
function debugLetters(flags: number, hasCtor: boolean): string | undefined {
  const letters = [
    (flags & SLAB_DEBUG_FREE) !== 0 ? "F" : "",
    (flags & SLAB_RED_ZONE) !== 0 ? "Z" : "",
    (flags & SLAB_POISON) !== 0 && !hasCtor ? "P" : "",
  ].join("");
  return letters === "" ? undefined : `+${letters}`;
}

/** A cache line, or the half, quarter … of it that an object still fits into. */
function lineShare(size: number): number {
  let bytes: number = L1_CACHE_BYTES;
  while (bytes > GRANULE && size < bytes / 2) bytes /= 2;
  return bytes;
}

import type { Geometry } from "./header.ts";
import { GRANULE, GRANULE_MASK, GRANULE_SHIFT, PAGE_SHIFT, PAGE_SIZE } from "./layout.ts";
import type { LinearMemory } from "./memory.ts";

/** Constants of this module are folded into the code, imported ones are not. */
const granuleShift = GRANULE_SHIFT;
const granuleMask = GRANULE_MASK;

/** log2 of the bytes of a double, the widest store there is. */
const DOUBLE_SHIFT = 3;
const DOUBLE_BYTES = 1 << DOUBLE_SHIFT;
/** Up to this many bytes a loop of stores is the fastest way. */
const LOOP_BYTES = 256;

/**
 * Clears the granules from `address` on that hold `sizeBytes`: long stretches by an instruction of WebAssembly where
 * the memory is of that. Elsewhere V8 fills shared memory element by element but copies it word by word, so they are
 * copied from bytes that are always zero: the tags of the tables' own granules.
 */
export function clear(memory: LinearMemory, geometry: Geometry, address: number, sizeBytes: number): void {
  const { doubles } = memory;
  if (sizeBytes <= LOOP_BYTES) {
    const first = address >>> DOUBLE_SHIFT;
    const last = first + (((sizeBytes + granuleMask) >>> granuleShift) << (granuleShift - DOUBLE_SHIFT));
    for (let index = first; index < last; index++) doubles[index] = 0;
    return;
  }
  const end = address + Math.ceil(sizeBytes / GRANULE) * GRANULE;
  const { bulk } = memory;
  if (bulk !== undefined) {
    bulk.fill(address, 0, end - address);
    return;
  }
  const zeros = geometry.tagTable + GRANULE;
  const metadataBytes = (geometry.firstPageFrame - geometry.baseFrame) << PAGE_SHIFT;
  const zeroBytes = ((metadataBytes >>> GRANULE_SHIFT) - GRANULE) & -GRANULE;
  if (memory.kind === "ArrayBuffer" || zeroBytes < PAGE_SIZE) {
    doubles.fill(0, address / DOUBLE_BYTES, end / DOUBLE_BYTES);
    return;
  }
  for (let at = address; at < end; at += zeroBytes) {
    memory.bytes.copyWithin(at, zeros, zeros + Math.min(zeroBytes, end - at));
  }
}

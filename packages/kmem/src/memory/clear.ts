import type { Geometry } from "./header.ts";
import { GRANULE, GRANULE_SHIFT, PAGE_SHIFT, PAGE_SIZE } from "./layout.ts";
import type { LinearMemory } from "./memory.ts";

/** Up to this many bytes a loop of stores is the fastest way. */
const LOOP_BYTES = 256;

/**
 * Clears the granules from `address` on that hold `sizeBytes`. V8 fills shared memory element by element but copies it
 * word by word, so long stretches are copied from bytes that are always zero: the tags of the tables' own granules.
 */
export function clear(memory: LinearMemory, geometry: Geometry, address: number, sizeBytes: number): void {
  const { doubles } = memory;
  const end = address + Math.ceil(sizeBytes / GRANULE) * GRANULE;
  if (sizeBytes <= LOOP_BYTES) {
    for (let index = address / 8; index < end / 8; index++) doubles[index] = 0;
    return;
  }
  const zeros = geometry.tagTable + GRANULE;
  const metadataBytes = (geometry.firstPageFrame - geometry.baseFrame) << PAGE_SHIFT;
  const zeroBytes = ((metadataBytes >>> GRANULE_SHIFT) - GRANULE) & -GRANULE;
  if (memory.kind === "ArrayBuffer" || zeroBytes < PAGE_SIZE) {
    doubles.fill(0, address / 8, end / 8);
    return;
  }
  for (let at = address; at < end; at += zeroBytes) {
    memory.bytes.copyWithin(at, zeros, zeros + Math.min(zeroBytes, end - at));
  }
}

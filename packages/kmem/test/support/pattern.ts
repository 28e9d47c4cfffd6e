/** The byte that belongs at an offset of the block with this seed; never the same for two neighbouring seeds. */
function patternByte(seed: number, offset: number): number {
  return (seed * 31 + offset * 7 + (offset >>> 8) + 1) & 0xff;
}

/** Fills a stretch of bytes with the pattern of a seed. */
export function fillPattern(bytes: Uint8Array, start: number, end: number, seed: number): void {
  for (let at = start; at < end; at++) bytes[at] = patternByte(seed, at - start);
}

/** Index of the first byte that is not the pattern's, or -1. */
export function patternFault(bytes: Uint8Array, start: number, end: number, seed: number): number {
  for (let at = start; at < end; at++) if (bytes[at] !== patternByte(seed, at - start)) return at;
  return -1;
}

/** Bytes at each end of a block that {@link stamp} writes; what lies between is left out, to save time. */
const STAMP_BYTES = 48;

/** Writes the pattern at both ends of a block of `sizeBytes`. */
export function stamp(bytes: Uint8Array, address: number, sizeBytes: number, seed: number): void {
  const head = Math.min(sizeBytes, STAMP_BYTES);
  fillPattern(bytes, address, address + head, seed);
  const tail = Math.max(head, sizeBytes - STAMP_BYTES);
  fillPattern(bytes, address + tail, address + sizeBytes, seed + 1);
}

/** Index of the first byte that is not as {@link stamp} wrote it, or -1. Only `keptBytes` of the block are read. */
export function stampFault(
  bytes: Uint8Array,
  address: number,
  sizeBytes: number,
  seed: number,
  keptBytes: number = sizeBytes,
): number {
  const head = Math.min(sizeBytes, STAMP_BYTES);
  const fault = patternFault(bytes, address, address + Math.min(head, keptBytes), seed);
  if (fault >= 0) return fault;
  const tail = Math.max(head, sizeBytes - STAMP_BYTES);
  if (keptBytes <= tail) return -1;
  return patternFault(bytes, address + tail, address + keptBytes, seed + 1);
}

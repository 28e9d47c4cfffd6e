// AssemblyScript's TLSF as a malloc. It is compiled with the runtime "minimal", whose __alloc and its kin are TLSF;
// nothing here is managed, so that its collector is compiled away.

/** Bytes of the header before each block: its payload's size, with two flags in the low bits. */
const HEADER_BYTES: usize = 4;
const FLAGS_MASK: usize = 3;
const LEFT_FREE_FLAG: usize = 2;

export function malloc(sizeBytes: usize): usize {
  return __alloc(sizeBytes);
}

export function calloc(count: usize, sizeBytes: usize): usize {
  const address = __alloc(count * sizeBytes);
  memory.fill(address, 0, count * sizeBytes);
  return address;
}

export function realloc(address: usize, sizeBytes: usize): usize {
  return address == 0 ? __alloc(sizeBytes) : __realloc(address, sizeBytes);
}

/** TLSF has none. What lies before the aligned address becomes a block of its own, which is freed. */
export function aligned_alloc(alignmentBytes: usize, sizeBytes: usize): usize {
  if (alignmentBytes <= 16) return __alloc(sizeBytes);
  // What overflows is refused as it stands.
  const wholeBytes = sizeBytes + alignmentBytes;
  const start = __alloc(wholeBytes < sizeBytes ? sizeBytes : wholeBytes);
  const address = (start + alignmentBytes - 1) & ~(alignmentBytes - 1);
  if (address == start) return start;
  const info = load<usize>(start - HEADER_BYTES);
  const beforeBytes = address - start;
  store<usize>(address - HEADER_BYTES, (info & ~FLAGS_MASK) - beforeBytes);
  store<usize>(start - HEADER_BYTES, (beforeBytes - HEADER_BYTES) | (info & LEFT_FREE_FLAG));
  __free(start);
  return address;
}

export function free(address: usize): void {
  __free(address);
}

export function malloc_usable_size(address: usize): usize {
  return load<usize>(address - HEADER_BYTES) & ~FLAGS_MASK;
}

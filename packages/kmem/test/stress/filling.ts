import { PAGE_SIZE } from "../../src/memory/layout.ts";
import { type BlockRecord, Kind } from "./block-record.ts";

/** Blocks up to this size are filled over their whole length. */
const WHOLE_BYTES = 1024;
/** Of larger ones, so many bytes at each end are, */
const END_BYTES = 64;
/** and in between one byte in so many: odd, so that every position in a page is met. */
const SAMPLE_STRIDE = 509;

/** A stretch of bytes with the pattern of a seed. */
export interface Filled {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** 32 bits that name a stretch: two stretches that overlap have all but certainly not the same. */
function keyOf({ address, seed }: Filled): number {
  let key = Math.imul(address ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  key ^= key >>> 15;
  return Math.imul(key, 0xc2b2ae35) | 0;
}

const BYTE_MASK = 0xff;
const BYTE_SHIFT = 3;
const KEY_BYTE_MASK = 3;

function patternByte(key: number, offset: number): number {
  return ((key >>> ((offset & KEY_BYTE_MASK) << BYTE_SHIFT)) + offset) & BYTE_MASK;
}

/** The offset after this one that is filled in a stretch of this size. */
function nextOffset(offset: number, sizeBytes: number): number {
  if (sizeBytes <= WHOLE_BYTES || offset < END_BYTES - 1 || offset >= sizeBytes - END_BYTES) return offset + 1;
  return Math.min(offset + SAMPLE_STRIDE, sizeBytes - END_BYTES);
}

/** Fills a stretch with its pattern. */
export function fill(bytes: Uint8Array, stretch: Filled): void {
  const { address, sizeBytes } = stretch;
  const key = keyOf(stretch);
  for (let at = 0; at < sizeBytes; at = nextOffset(at, sizeBytes)) bytes[address + at] = patternByte(key, at);
}

/**
 * Offset of the first byte that is not as {@link fill} wrote it, or -1. The stretch may have moved `to` another address
 * since, where only `keptBytes` of it are left.
 */
export function firstFault(
  bytes: Uint8Array,
  stretch: Filled,
  to: number = stretch.address,
  keptBytes: number = stretch.sizeBytes,
): number {
  const { sizeBytes } = stretch;
  const key = keyOf(stretch);
  const end = Math.min(keptBytes, sizeBytes);
  for (let at = 0; at < end; at = nextOffset(at, sizeBytes)) {
    if (bytes[to + at] !== patternByte(key, at)) return at;
  }
  return -1;
}

/** Offset of the first byte of a stretch that is not zero, or -1. All of them are read. */
export function firstNonZero(bytes: Uint8Array, address: number, sizeBytes: number): number {
  for (let at = 0; at < sizeBytes; at++) if (bytes[address + at] !== 0) return at;
  return -1;
}

/** The stretches that a record consists of: each page on its own, since any part of a run of pages can be freed. */
export function* stretchesOf(record: BlockRecord, headBytes = 0): Generator<Filled> {
  const { address, sizeBytes, seed, kind } = record;
  if (kind !== Kind.PAGES) {
    yield { address: address + headBytes, sizeBytes: sizeBytes - headBytes, seed };
    return;
  }
  for (let page = address; page < address + sizeBytes; page += PAGE_SIZE) {
    yield { address: page, sizeBytes: PAGE_SIZE, seed };
  }
}

import {
  AreaWord,
  CACHE_RECORD_BYTES,
  FRAME_RECORD_BYTES,
  groupTableBytes,
  HEADER_WORDS,
  Header,
  PAGE_SIZE,
  SLOT_RECORD_BYTES,
  SlotRecord,
  ZONE_TABLE_BYTES,
} from "../../src/layout.ts";
import type { Random } from "../support/random.ts";

/** A stretch of bytes of the metadata. */
export interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** All metadata of the heap at the start of a memory, by its published layout. */
export function partsOf(bytes: Uint8Array): Part[] {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const header = (field: number): number => words[field] >>> 0;
  const parts: Part[] = [];
  const add = (name: string, start: number, length: number): void => {
    if (length > 0) parts.push({ name, start, end: start + length });
  };
  const frames = header(Header.LIMIT_FRAME);
  const endFrame = header(Header.END_FRAME);
  const slotCount = header(Header.SLOT_COUNT);
  add("header", 0, HEADER_WORDS * 4);
  add("zones", header(Header.ZONE_TABLE), ZONE_TABLE_BYTES);
  add("slots", header(Header.SLOT_TABLE), slotCount * SLOT_RECORD_BYTES);
  add("caches", header(Header.CACHE_TABLE), header(Header.CACHE_COUNT) * CACHE_RECORD_BYTES);
  add("frame records", header(Header.FRAME_TABLE), endFrame * FRAME_RECORD_BYTES);
  add("kinds", header(Header.KIND_TABLE), frames);
  add("free groups", header(Header.GROUP_TABLE), groupTableBytes(0, frames));
  add("tags", header(Header.TAG_TABLE), endFrame * (PAGE_SIZE / 16));
  const runAt = (address: number): number => words[(header(Header.FRAME_TABLE) >>> 2) + (address / PAGE_SIZE) * 4 + 2];
  const addRun = (name: string, address: number): void => add(name, address, runAt(address) * PAGE_SIZE);
  for (let slot = 0; slot < slotCount; slot++) {
    const area = words[(header(Header.SLOT_TABLE) + slot * SLOT_RECORD_BYTES) / 4 + SlotRecord.AREA] >>> 0;
    if (area === 0) continue;
    addRun("areas", area);
    const out = words[area / 4 + AreaWord.REMOTE_PAGES] >>> 0;
    if (out !== 0) addRun("remote sheaves", out);
    for (let group = 0; group < 16; group++) {
      const page = words[area / 4 + AreaWord.NAMED_SHEAF_PAGES + group] >>> 0;
      if (page !== 0) addRun("groups", page);
    }
  }
  if (header(Header.BARNS) !== 0) addRun("barns", header(Header.BARNS));
  return parts;
}

/** Where bytes were changed. */
export interface Hit {
  readonly part: string;
  readonly start: number;
  readonly end: number;
}

/** The longest stretch that is overwritten at once: as a rule, and now and then. */
const STRETCH_MAX = 64;
const LONG_STRETCH_MAX = 4096;
const LONG_STRETCH_SHARE = 8;
const HITS_MAX = 3;

/** Overwrites a few stretches of the metadata: bits, bytes, words, or more. */
export function corrupt(bytes: Uint8Array, parts: readonly Part[], random: Random): Hit[] {
  const hits: Hit[] = [];
  const names = [...new Set(parts.map(({ name }) => name))];
  const hitCount = 1 + Math.max(0, random.below(HITS_MAX + 2) - 2);
  while (hits.length < hitCount) {
    const name = random.pick(names);
    const { start, end } = random.pick(parts.filter((part) => part.name === name));
    const at = likelyPlace(bytes, start, end, random);
    const hit = overwrite(bytes, at, end, random);
    if (hit !== undefined) hits.push({ part: name, start: at, end: hit });
  }
  return hits;
}

/** A place in a part: more often than not one where something stands already. */
function likelyPlace(bytes: Uint8Array, start: number, end: number, random: Random): number {
  let at = start + random.below(end - start);
  for (let attempt = 0; attempt < 8 && bytes[at] === 0 && random.below(8) > 0; attempt++) {
    at = start + random.below(end - start);
  }
  return at;
}

/** Changes bytes at a place; returns the end of what is changed, undefined where all is as before. */
function overwrite(bytes: Uint8Array, at: number, limit: number, random: Random): number | undefined {
  const way = random.below(6);
  if (way === 0) {
    bytes[at] ^= 1 << random.below(8);
    return at + 1;
  }
  const stretchMax = random.below(LONG_STRETCH_SHARE) === 0 ? LONG_STRETCH_MAX : STRETCH_MAX;
  const length = way === 1 ? 1 : way < 4 ? 4 - (at & 3) : 1 + random.below(stretchMax);
  const end = Math.min(limit, at + length);
  const before = bytes.slice(at, end);
  const fill = way === 5 ? random.pick([0, 0xff, 1, 2]) : undefined;
  const small = way === 3;
  for (let index = at; index < end; index++) bytes[index] = small && index > at ? 0 : (fill ?? random.below(256));
  return before.every((byte, index) => bytes[at + index] === byte) ? undefined : end;
}

import { CACHE_RECORD_BYTES, HEADER_WORDS, Header, SLOT_RECORD_BYTES, ZONE_TABLE_BYTES } from "kmem/layout";
import { RECORD_MAGIC, RecordWord } from "../../../kmem/src/debug/layout.ts";
import { seal } from "../../../kmem/src/debug/record.ts";
import { checksumOfHeader } from "../../../kmem/src/memory/header.ts";
import { PAGE_SIZE, WORD_BYTES } from "../../../kmem/src/memory/layout.ts";
import { checksumOfRecord } from "../../../kmem/src/slab/cache-table.ts";
import { CACHE_RECORD_WORDS, CacheRecord } from "../../../kmem/src/slab/layout.ts";
import type { Random } from "../../../kmem/test/support/random.ts";
import type { Scene } from "./scenes.ts";

/** A dump that is no sound one, most likely. */
export interface Mutant {
  readonly name: string;
  readonly dump: Uint8Array;
  /** Pages that its first words claim. */
  readonly claimedPages: number;
}

const DUMP_HEADER_WORDS = 5;
const PAGE_COUNT_WORD = 3;
const RUN_COUNT_WORD = 4;
/** More would fill the memory of the machine with nothing. */
const CLAIMED_PAGES_MAX = 8192;
const HITS_MAX = 4;

/** Changes a dump in one way, by chance. */
export function mutate(scenes: readonly Scene[], random: Random): Mutant {
  const scene = random.pick(scenes);
  const dump = scene.dump.slice();
  const way = random.below(16);
  if (way === 0) return mutantOf(`${scene.name}, cut off`, dump.slice(0, random.below(dump.length)));
  if (way === 1) return mutantOf(`${scene.name}, first words`, changeFirstWords(dump, random));
  if (way === 2) return mutantOf(`${scene.name}, spliced`, splice(dump, random.pick(scenes).dump, random));
  const hits = 1 + random.below(HITS_MAX);
  const names = Array.from({ length: hits }, () => hit(dump, random));
  const isSealed = random.below(2) === 0;
  if (isSealed) sealAll(dump);
  return mutantOf(`${scene.name}, ${names.join(", ")}${isSealed ? ", sealed" : ""}`, dump);
}

function mutantOf(name: string, dump: Uint8Array): Mutant {
  const words = wordsOf(dump);
  return { name, dump, claimedPages: Math.min(words[PAGE_COUNT_WORD] ?? 0, 2 ** 20) };
}

function wordsOf(dump: Uint8Array): Uint32Array {
  return new Uint32Array(dump.buffer, dump.byteOffset, dump.byteLength >>> 2);
}

function changeFirstWords(dump: Uint8Array, random: Random): Uint8Array {
  const words = wordsOf(dump);
  const tableWords = DUMP_HEADER_WORDS + 2 * words[RUN_COUNT_WORD]!;
  const at = random.below(tableWords);
  words[at] = extreme(words, at, random);
  if (at === PAGE_COUNT_WORD) words[at] = random.below(CLAIMED_PAGES_MAX);
  return dump;
}

function splice(dump: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const from = random.below(dump.length);
  const end = Math.min(from + random.below(4 * PAGE_SIZE), dump.length, other.length);
  if (end > from) dump.set(other.subarray(from, end), from);
  return dump;
}

const EXTREMES: readonly number[] = [0, 1, 2, 7, 0xff, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

function extreme(words: Uint32Array, at: number, random: Random): number {
  switch (random.below(6)) {
    case 0:
      return (words[at]! ^ (1 << random.below(32))) >>> 0;
    case 1:
      return (words[at]! + random.below(5) - 2) >>> 0;
    case 2:
      return random.below(256) * PAGE_SIZE;
    case 3:
      return words[random.below(words.length)]!;
    case 4:
      return random.below(2 ** 32);
    default:
      return random.pick(EXTREMES);
  }
}

/** Where the pages begin in the dump, as a word, and where the heap's header is, as a word of the dump. */
function places(words: Uint32Array): { pages: number; header: number; toDump: (address: number) => number } {
  // An earlier hit may have made the count of the runs far larger than the dump.
  const pages = Math.min(DUMP_HEADER_WORDS + 2 * words[RUN_COUNT_WORD]!, words.length);
  const toDump = (address: number): number => {
    const page = Math.floor(address / PAGE_SIZE);
    let before = 0;
    for (let run = DUMP_HEADER_WORDS; run < pages; run += 2) {
      const first = words[run]!;
      const count = words[run + 1]!;
      if (page >= first && page < first + count)
        return pages + ((before + page - first) * PAGE_SIZE + (address % PAGE_SIZE)) / WORD_BYTES;
      before += count;
    }
    return -1;
  };
  return { pages, header: toDump(words[2]!), toDump };
}

/** Changes a word, or a byte of it: of a table more often than of a page. */
function hit(dump: Uint8Array, random: Random): string {
  const words = wordsOf(dump);
  const { pages, header, toDump } = places(words);
  const table = (field: number, bytes: number): [number, number] => [
    toDump(words[header + field]!),
    bytes / WORD_BYTES,
  ];
  const frames = words[header + Header.END_FRAME]!;
  const parts: Record<string, [number, number]> = {
    header: [header, HEADER_WORDS],
    zones: table(Header.ZONE_TABLE, ZONE_TABLE_BYTES),
    slots: table(Header.SLOT_TABLE, words[header + Header.SLOT_COUNT]! * SLOT_RECORD_BYTES),
    caches: table(Header.CACHE_TABLE, words[header + Header.CACHE_COUNT]! * CACHE_RECORD_BYTES),
    frames: table(Header.FRAME_TABLE, frames * 16),
    kinds: table(Header.KIND_TABLE, frames),
    tags: table(Header.TAG_TABLE, frames * 256),
    pages: [pages, words.length - pages],
    data: [pages, words.length - pages],
  };
  const name = random.pick(Object.keys(parts));
  const [first, count] = parts[name]!;
  let at = first + random.below(Math.max(1, Math.floor(count)));
  for (let attempt = 0; attempt < 12 && !words[at]; attempt++)
    at = first + random.below(Math.max(1, Math.floor(count)));
  if (!(at >= 0 && at < words.length)) return "nothing";
  if (random.below(3) === 0) dump[at * WORD_BYTES + random.below(4)] = random.pick([0, 1, 2, 4, 6, 8, 9, 13, 16, 255]);
  else words[at] = extreme(words, at, random);
  return `${name} word ${at - first}`;
}

/** Makes all checksums those of the words as they are now: who forges words forges these too. */
function sealAll(dump: Uint8Array): void {
  const words = new Int32Array(dump.buffer, dump.byteOffset, dump.byteLength >>> 2);
  const { pages, header, toDump } = places(wordsOf(dump));
  if (header < 0) return;
  words[header + Header.CHECKSUM] = checksumOfHeader(words, header);
  const table = toDump(words[header + Header.CACHE_TABLE]! >>> 0);
  const tableEnd = table + words[header + Header.CACHE_COUNT]! * CACHE_RECORD_WORDS;
  for (let record = table; table >= 0 && record < tableEnd; record += CACHE_RECORD_WORDS) {
    if (record + CACHE_RECORD_WORDS > words.length) break;
    if (words[record] === 0) continue;
    words[record + CacheRecord.CHECKSUM] = checksumOfRecord(words.subarray(record, record + CACHE_RECORD_WORDS));
  }
  for (let word = pages; word < words.length; word++) {
    if (words[word] === RECORD_MAGIC && word - RecordWord.MAGIC >= pages) seal(words, word - RecordWord.MAGIC);
  }
}

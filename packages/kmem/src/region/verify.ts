import { WORD_SHIFT } from "../memory/layout.ts";
import type { Words } from "./free-index.ts";
import {
  BLOCK_MASK,
  BLOCK_WORDS,
  CHUNK_CANARY,
  CHUNK_HEADER_BYTES,
  CHUNK_HEADER_WORDS,
  Chunk,
  ChunkState,
  RegionHeader,
  STATE_MASK,
} from "./layout.ts";
import { firstWord, limitWord } from "./node.ts";
import { indexFault, removalFault } from "./search.ts";

const CANARY_VALUE = CHUNK_CANARY;
const CANARY = Chunk.CANARY;
const STATE = Chunk.STATE;
const SIZE = Chunk.SIZE;
const NEXT = Chunk.NEXT;
const PREV = Chunk.PREV;
const SEAL = Chunk.SEAL;
const BUSY = ChunkState.BUSY;
const FREE = ChunkState.FREE;

/** Why an address cannot be freed: what is wrong, at which address, and the word found there. */
export interface FreeFault {
  readonly kind: "range" | "alignment" | "canary" | "state" | "seal" | "links" | "index";
  readonly address: number;
  readonly found: number;
}

function sealOf(words: Words, header: number, chunk: number): number {
  return (chunk << WORD_SHIFT) ^ words[header + RegionHeader.SALT];
}

/** Whether a chunk stands here, free, or busy and sealed by this region. */
function isChunk(words: Words, header: number, chunk: number): boolean {
  const state = words[chunk + STATE];
  if (words[chunk + CANARY] !== CANARY_VALUE) return false;
  return state === BUSY ? words[chunk + SEAL] === sealOf(words, header, chunk) : (state & STATE_MASK) === FREE;
}

/**
 * Whether a chunk and both its neighbours agree about where they are: canaries, states and seals, links both ways,
 * sizes, the ends of the list, and that no two free chunks stand side by side. Returns 0, or the chunk that is damaged.
 * Reads only; the chunk's own canary and state have been verified. O(1).
 */
export function linkFault(words: Words, header: number, chunk: number): number {
  const first = firstWord(words, header);
  const limit = limitWord(words, header);
  const last = words[header + RegionHeader.LAST] >>> WORD_SHIFT;
  const next = words[chunk + NEXT] >>> WORD_SHIFT;
  const previous = words[chunk + PREV] >>> WORD_SHIFT;
  const end = chunk + words[chunk + SIZE] * BLOCK_WORDS;
  const isFree = words[chunk + STATE] !== BUSY;
  if (end === limit ? chunk !== last || next !== first : chunk === last || next !== end || next > limit) return chunk;
  if (chunk === first ? previous !== last : previous >= chunk || previous < first) return chunk;
  if (!isChunk(words, header, next) || words[next + PREV] >>> WORD_SHIFT !== chunk) return next;
  if (isFree && next > chunk && words[next + STATE] !== BUSY) return next;
  if (!isChunk(words, header, previous) || words[previous + NEXT] >>> WORD_SHIFT !== chunk) return previous;
  if (chunk === first) return 0;
  if (isFree && words[previous + STATE] !== BUSY) return previous;
  return previous + words[previous + SIZE] * BLOCK_WORDS === chunk ? 0 : previous;
}

/**
 * Says why `address` cannot be freed in the region at word index `header`, or undefined when it can: range, alignment,
 * canary, state, links with both neighbours, and the way through the index. The header has been verified. Reads only;
 * any value is allowed. O(log chunks).
 */
export function freeFault(words: Words, header: number, address: number): FreeFault | undefined {
  const firstPayload = words[header + RegionHeader.START] + CHUNK_HEADER_BYTES;
  const limit = limitWord(words, header);
  if (address >>> 0 !== address || address < firstPayload >>> 0 || address >>> WORD_SHIFT >= limit) {
    return { kind: "range", address, found: address };
  }
  if ((address & BLOCK_MASK) !== 0) return { kind: "alignment", address, found: address };
  const chunk = (address >>> WORD_SHIFT) - CHUNK_HEADER_WORDS;
  if (words[chunk + CANARY] !== CANARY_VALUE) return fault("canary", chunk, words[chunk + CANARY]);
  const state = words[chunk + STATE];
  // The height that a free chunk keeps above its state is nobody's business.
  if (state !== BUSY) return fault("state", chunk, (state & STATE_MASK) === FREE ? FREE : state);
  if (words[chunk + SEAL] !== sealOf(words, header, chunk)) return fault("seal", chunk, words[chunk + SEAL]);
  const damaged = linkFault(words, header, chunk);
  return damaged === 0 ? mergeFault(words, header, chunk) : linksFault(words, damaged);
}

/** Why a busy chunk, whose links are whole, cannot be merged with its free neighbours and go into the index. */
function mergeFault(words: Words, header: number, chunk: number): FreeFault | undefined {
  const next = words[chunk + NEXT] >>> WORD_SHIFT;
  const previous = words[chunk + PREV] >>> WORD_SHIFT;
  const freeNext = next > chunk && words[next + STATE] !== BUSY ? next : 0;
  const freePrevious = previous < chunk && words[previous + STATE] !== BUSY ? previous : 0;
  // What lies after a chunk that is absorbed gets another neighbour.
  const damaged = freeNext === 0 ? 0 : linkFault(words, header, freeNext);
  if (damaged !== 0) return linksFault(words, damaged);
  let broken = indexFault(words, header, chunk, freePrevious, freeNext);
  if (broken === 0 && freePrevious !== 0 && freeNext !== 0) broken = removalFault(words, header, freeNext);
  return broken === 0 ? undefined : fault("index", broken, broken);
}

function linksFault(words: Words, damaged: number): FreeFault {
  const canary = words[damaged + CANARY];
  return canary === CANARY_VALUE ? fault("links", damaged, damaged) : fault("canary", damaged, canary);
}

function fault(kind: FreeFault["kind"], word: number, found: number): FreeFault {
  return { kind, address: (word << WORD_SHIFT) >>> 0, found };
}

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
import { firstWord, indexFault, limitWord } from "./search.ts";

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

function isChunk(words: Words, chunk: number): boolean {
  const state = words[chunk + STATE];
  return words[chunk + CANARY] === CANARY_VALUE && (state === BUSY || (state & STATE_MASK) === FREE);
}

/**
 * Whether a chunk and both its neighbours agree about where they are: canaries, links both ways, sizes, and the ends
 * of the list. Returns 0, or the chunk that is damaged. Reads only; the chunk's own canary is verified. O(1).
 */
export function linkFault(words: Words, header: number, chunk: number): number {
  const first = firstWord(words, header);
  const limit = limitWord(words, header);
  const last = words[header + RegionHeader.LAST] >>> WORD_SHIFT;
  const next = words[chunk + NEXT] >>> WORD_SHIFT;
  const previous = words[chunk + PREV] >>> WORD_SHIFT;
  const end = chunk + words[chunk + SIZE] * BLOCK_WORDS;
  if (end === limit ? chunk !== last || next !== first : chunk === last || next !== end || next > limit) return chunk;
  if (chunk === first ? previous !== last : previous >= chunk || previous < first) return chunk;
  if (!isChunk(words, next) || words[next + PREV] >>> WORD_SHIFT !== chunk) return next;
  if (!isChunk(words, previous) || words[previous + NEXT] >>> WORD_SHIFT !== chunk) return previous;
  if (chunk !== first && previous + words[previous + SIZE] * BLOCK_WORDS !== chunk) return previous;
  return 0;
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
  const seal = (chunk << WORD_SHIFT) ^ words[header + RegionHeader.SALT];
  if (words[chunk + SEAL] !== seal) return fault("seal", chunk, words[chunk + SEAL]);
  const damaged = linkFault(words, header, chunk);
  if (damaged !== 0) {
    const canary = words[damaged + CANARY];
    return canary === CANARY_VALUE ? fault("links", damaged, damaged) : fault("canary", damaged, canary);
  }
  const next = words[chunk + NEXT] >>> WORD_SHIFT;
  const previous = words[chunk + PREV] >>> WORD_SHIFT;
  const freeNext = next > chunk && words[next + STATE] !== BUSY ? next : 0;
  const freePrevious = previous < chunk && words[previous + STATE] !== BUSY ? previous : 0;
  const broken = indexFault(words, header, chunk, freePrevious, freeNext);
  return broken === 0 ? undefined : fault("index", broken, broken);
}

function fault(kind: FreeFault["kind"], word: number, found: number): FreeFault {
  return { kind, address: (word << WORD_SHIFT) >>> 0, found };
}

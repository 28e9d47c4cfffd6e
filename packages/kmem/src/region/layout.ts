import { type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";
/**
 * A region: a stretch of memory that the caller owns and hands over, with everything that describes it inside.
 *
 *      start, rounded up to 16                                                            end (its last byte)
 *      │                                                                                         │
 *      ▼                                                                                         ▼
 *      ┌─────────┬───────┬───────────┬───────┬───────────┬───────┬──────────────────────────────┬─┐
 *      │ kas_hdr │ chunk │ payload   │ chunk │ payload   │ chunk │ payload                      │ │ fewer than
 *      │ 32 B    │ 32 B  │ n × 16 B  │ 32 B  │ n × 16 B  │ 32 B  │ n × 16 B                     │ │ 16 bytes
 *      └─────────┴───────┴───────────┴───────┴───────────┴───────┴──────────────────────────────┴─┘
 *                ▲ ◄───────────────► ▲ ◄───────────────► ▲
 *                │  NEXT      PREV   │                   │
 *                └────────────── circular, in address order ──────────────►
 *
 * The chunks, free and busy, fill the region without a gap, and no two free ones are neighbours. The free ones also
 * form the index: a height-balanced (AVL) tree in address order that lies in three words which the document's chunk
 * leaves as padding. Each node knows the largest chunk below it, so that the first chunk of at least n blocks is found
 * on one way down; worst fit is the same search for the largest size of all. The payload of a free chunk is never
 * read nor written: a late write into it damages nothing.
 *
 * Addresses are byte offsets in the buffer, 0 is no address. Sizes are in blocks of 16 bytes, the chunk's header
 * included.
 */

/** Bytes in a block: the unit of sizes and the alignment of every chunk and payload. */
export const BLOCK_BYTES = 16;
/** log2 of the bytes in a block. */
export const BLOCK_SHIFT = 4;
/** The part of an address that lies within its block. */
export const BLOCK_MASK: number = BLOCK_BYTES - 1;
/** Words in a block. */
export const BLOCK_WORDS = 4;

/** Identifies a `struct kas_hdr`: KMALLOC_HEADER_MAGIC. As a word of the buffer it is signed. */
export const REGION_MAGIC: number = 0xda7ab10c | 0;
/** In the place of REGION_MAGIC: the pages under the region were taken back. "GONE" in the order of the bytes. */
export const REGION_GONE = 0x454e4f47;
/** Stands at the start of every chunk: KMALLOC_CANARY. */
export const CHUNK_CANARY: number = 0xdead7007 | 0;

/** Word indexes in `struct kas_hdr`. */
export const REGION_FIELDS = {
  /** REGION_MAGIC. */
  MAGIC: 1,
  /** Mixed from the header's own address, START, END, SALT, LAST and ROOT: says that none of them was overwritten. */
  SEAL: 1,
  /** kh_start: address of the first chunk. */
  START: 1,
  /** kh_end: address of the last byte, as the caller gave it. */
  END: 1,
  /** kh_first: the first chunk; always START. */
  FIRST: 1,
  /** kh_last: the last chunk. */
  LAST: 1,
  /** The root of the index, 0 while no chunk is free. */
  ROOT: 1,
  /** Tells this region's busy chunks from those that an earlier region left in the same bytes. */
  SALT: 1,
} as const;
/** Word indexes in `struct kas_hdr`. */
export const RegionHeader: Offsets<typeof REGION_FIELDS> = /* @__PURE__ */ offsetsOf(REGION_FIELDS);
/** Words in `struct kas_hdr`, rounded up to whole blocks. */
export const REGION_HEADER_WORDS: number = /* @__PURE__ */ wordsOf(REGION_FIELDS, BLOCK_WORDS);
/** Bytes in `struct kas_hdr`, rounded up to whole blocks. */
export const REGION_HEADER_BYTES: number = REGION_HEADER_WORDS * 4;

/** Word indexes in `struct kas_chunk`. */
export const CHUNK_FIELDS = {
  /** CHUNK_CANARY. */
  CANARY: 1,
  /**
   * ChunkState in the low byte. Of a free chunk, above it, the height of its subtree in the index, and in the upper
   * half a checksum of what it is in the index: its address, LEFT, RIGHT, MAX and the height.
   */
  STATE: 1,
  /** kc_size: blocks, this header included. */
  SIZE: 1,
  /** kc_next, kc_prev: the neighbours in the circular list. */
  NEXT: 1,
  PREV: 1,
  /** Of a free chunk: the roots of the subtrees below and above it in the index. */
  LEFT: 1,
  RIGHT: 1,
  /** Of a free chunk: the largest SIZE in its subtree. */
  MAX: 1,
  /** Of a busy chunk, in the place of LEFT: its address, xor the region's SALT. RIGHT and MAX are 0. */
  SEAL: { over: "LEFT" },
} as const;
/** Word indexes in `struct kas_chunk`. */
export const Chunk: Offsets<typeof CHUNK_FIELDS> = /* @__PURE__ */ offsetsOf(CHUNK_FIELDS);
/** Words in `struct kas_chunk`, rounded up to whole blocks. */
export const CHUNK_HEADER_WORDS: number = /* @__PURE__ */ wordsOf(CHUNK_FIELDS, BLOCK_WORDS);
/** Bytes in `struct kas_chunk`, rounded up to whole blocks. */
export const CHUNK_HEADER_BYTES: number = CHUNK_HEADER_WORDS * 4;
/** Blocks that a `struct kas_chunk` takes. */
export const CHUNK_HEADER_BLOCKS: number = CHUNK_HEADER_BYTES / BLOCK_BYTES;

/** KMALLOC_FREE_CHUNK and KMALLOC_BUSY_CHUNK. */
export const ChunkState = { FREE: 0, BUSY: 1 } as const;
/** The bits of STATE that hold the ChunkState. */
export const STATE_MASK = 0xff;
/** Where the height begins in STATE, and the bits that it has there. */
export const HEIGHT_SHIFT = 8;
/** The bits of the height, once they are shifted down. */
export const HEIGHT_MASK = 0xff;
/** The bits of STATE that hold the checksum. */
export const CHECKSUM_MASK = -0x1_0000;

/** The smallest chunk: a header and one block, so that each payload has an address of its own. */
export const MIN_CHUNK_BLOCKS: number = CHUNK_HEADER_BLOCKS + 1;
/** The least that a region can be made of, counted from a multiple of 16. */
export const MIN_REGION_BYTES: number = REGION_HEADER_BYTES + MIN_CHUNK_BLOCKS * BLOCK_BYTES;

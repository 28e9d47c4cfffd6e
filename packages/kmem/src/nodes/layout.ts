/**
 * Nodes: what stands in the memory of each, before its heap.
 *
 *      area = the node's start rounded up to a page              heap
 *      │                                                         │
 *      ▼                                                         ▼
 *      ┌────────┬────────┬────────┬─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─┬────────┬────────┬─ ─ ─
 *      │ header │ slot 0 │ slot 1 │                     │ slot N │ header │
 *      └────────┴────────┴────────┴─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─┴────────┴────────┴─ ─ ─
 *      ◄───── lines of 64 bytes, one for each slot there may be ─►
 *
 *      header   word 0  MAGIC
 *               word 1  NODE        the node's number
 *               word 2  NODE_COUNT  nodes of the machine
 *      slot     doubles of {@link CounterField}: what the threads that held this slot of the node have counted
 *
 * Only the thread that holds a slot writes its line, so that nothing is lost without atomics, and no two threads write
 * to the same cache line. A count is a double: exact up to 2^53, where a word would be full after hours. A slot that
 * changes hands keeps its line: all that is ever read is the sum.
 */
export const NodeWord = { MAGIC: 0, NODE: 1, NODE_COUNT: 2 } as const;

/** "NODE" in the order of the bytes in memory. */
export const NODE_MAGIC = 0x45444f4e;

/** The counters of a slot, in Linux's words and with Linux's meaning; see {@link NumaCounts}. */
export const CounterField = { HIT: 0, MISS: 1, FOREIGN: 2, LOCAL: 3, OTHER: 4 } as const;
/** Counters of a slot. */
export const COUNTER_FIELD_COUNT = 5;

/** log2 of the bytes of a line: a cache line. */
export const NODE_LINE_SHIFT = 6;
/** log2 of the bytes of a counter. */
export const COUNTER_SHIFT = 3;
/** The header's line, and one for each of the most slots that a heap can have: two pages. */
export const NODE_LINE_COUNT = 128;
/** Bytes in front of a node's heap: its header, and a line for each slot. */
export const NODE_AREA_BYTES: number = NODE_LINE_COUNT << NODE_LINE_SHIFT;

/** Nodes of a machine at the most, as in Linux. */
export const MAX_NODE_COUNT = 1024;
/** Addresses of a node: all that an offset of 32 bits can name. */
export const NODE_SPAN_BYTES = 0x1_0000_0000;

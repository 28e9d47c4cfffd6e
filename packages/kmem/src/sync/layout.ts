/**
 * A slot: what a thread works through, the kernel's "CPU". It outlives the thread that holds it.
 *
 *      word 0   STATE       free or held
 *      word 1   GENERATION  raised each time the slot is taken
 *      word 2   AREA        address of the slot's private pages (sheaves), 0 while it has none
 *      word 3   INTENT      what a multi-word change is about to do; 0 when nothing is half done
 */
export const SlotRecord = { STATE: 0, GENERATION: 1, AREA: 2, INTENT: 3 } as const;

/** Words in a slot's record. */
export const SLOT_RECORD_WORDS = 16;
/** A record fills a cache line, so that two threads never write to the same one. */
export const SLOT_RECORD_BYTES: number = SLOT_RECORD_WORDS * 4;

export const SlotState = { FREE: 0, HELD: 1 } as const;

import { GENERATION_SHIFT, SLOT_STATE_MASK } from "./layout.ts";

/** The word STATE of a slot of some generation. */
export function stateWord(generation: number, state: number): number {
  return (generation << GENERATION_SHIFT) | state;
}

/** The state in such a word. */
export function stateOf(word: number): number {
  return word & SLOT_STATE_MASK;
}

/** The generation in such a word. */
export function generationOf(word: number): number {
  return word >>> GENERATION_SHIFT;
}

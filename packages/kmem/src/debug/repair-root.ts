import { everyBlock } from "../kmalloc/describe.ts";
import type { CoreLayers, Layers } from "../kmalloc/layers.ts";
import { WORD_BYTES } from "../memory/layout.ts";
import { DEFAULT_LETTERS, RECORD_BYTES } from "./layout.ts";
import { isSound, readRecord, recordWord } from "./record.ts";
import { DebugRoot } from "./root.ts";

/** What was damaged around blocks, or in the root, and what was done about it. */
export interface DebugRepairStep {
  readonly layer: "debug";
  readonly address: number;
  readonly done: string;
  readonly isLoss: boolean;
}

/**
 * Makes a root where none is left, once the pages are sound: the letters of caches are those that the records of their
 * blocks have. Nothing without pages. O(heap).
 */
export function remakeRoot(layers: CoreLayers): DebugRepairStep[] {
  if (DebugRoot.find(layers) !== undefined) return [];
  const letters = lettersOfBlocks(layers);
  const root = DebugRoot.create(layers as Layers, "", (kind) => letters.get(kind) ?? DEFAULT_LETTERS);
  if (root === undefined) return [];
  const done = "a new root was made: letters are those of the blocks that there are; older stacks have no names";
  return [{ layer: "debug", address: root.word * WORD_BYTES, done, isLoss: true }];
}

function lettersOfBlocks(layers: CoreLayers): Map<number, number> {
  const { words } = layers.memory;
  const letters = new Map<number, number>();
  for (const { address, usableBytes } of everyBlock(layers)) {
    if (usableBytes < RECORD_BYTES) continue;
    const word = recordWord({ address, bytes: usableBytes });
    if (!isSound(words, word)) continue;
    const record = readRecord(layers.memory, word);
    letters.set(record.kind, record.letters);
  }
  return letters;
}

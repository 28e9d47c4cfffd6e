import { everyBlock } from "../kmalloc/describe.ts";
import type { Layers, RestingLayers } from "../kmalloc/layers.ts";
import type { Finding } from "../memory/finding.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import { RunKind } from "../pages/layout.ts";
import {
  DEBUG_ROOT_MARK,
  DEFAULT_LETTERS,
  RECORD_BYTES,
  ROOT_DEBUG_MAGIC,
  ROOT_PAGES,
  ROOT_TEXT_BYTES_MAX,
  RootWord,
} from "./layout.ts";
import { isSound, readRecord, recordWord } from "./record.ts";
import { DebugRoot } from "./root.ts";

/** What was damaged around blocks, or in the root, and what was done about it. */
export interface DebugMend {
  readonly layer: "debug";
  readonly address: number;
  readonly done: string;
  readonly isLoss: boolean;
}

/** Of the three signs of a root: the kind of its pages, their mark, its magic. */
const SIGNS_NEEDED = 2;

/** What a check says of a heap that is said to be debugged, or sampled, and has no root. */
export function rootFindings(layers: RestingLayers): Finding[] {
  if (DebugRoot.find(layers) !== undefined) return [];
  const address = layers.geometry.baseFrame * PAGE_SIZE;
  return [{ layer: "debug", address, problem: "the root of a debugged heap, with its letters and stacks, is lost" }];
}

/**
 * Finds the root of a debugged heap by what is left of its signs, and makes those whole, before the pages are mended
 * that they are on. `frame` is where it is, if that is known. O(pages).
 */
export function mendRoot(layers: RestingLayers, frame?: number): DebugMend[] {
  if (DebugRoot.find(layers) !== undefined) return [];
  const { memory, pages } = layers;
  const { frames } = pages;
  const found = frame ?? likelyFrame(layers);
  if (found === undefined) return [];
  frames.setRun(found, ROOT_PAGES, RunKind.SYSTEM);
  frames.setCount(found, ROOT_PAGES);
  frames.setOwner(found, DEBUG_ROOT_MARK);
  const word = (found << PAGE_SHIFT) >>> WORD_SHIFT;
  memory.words[word + RootWord.MAGIC] = ROOT_DEBUG_MAGIC;
  return [
    { layer: "debug", address: found * PAGE_SIZE, done: "the root of the debugged heap was found", isLoss: false },
  ];
}

function likelyFrame({ memory, pages }: RestingLayers): number | undefined {
  const { frames } = pages;
  for (let frame = frames.firstPageFrame; frame + ROOT_PAGES <= frames.endFrame; frame++) {
    const word = (frame << PAGE_SHIFT) >>> WORD_SHIFT;
    const textBytes = memory.words[word + RootWord.TEXT_BYTES];
    if (textBytes < 0 || textBytes > ROOT_TEXT_BYTES_MAX) continue;
    const signs = [
      frames.kind(frame) === RunKind.SYSTEM && frames.count(frame) === ROOT_PAGES,
      frames.owner(frame) === DEBUG_ROOT_MARK,
      memory.words[word + RootWord.MAGIC] === ROOT_DEBUG_MAGIC,
    ];
    if (signs.filter((isThere) => isThere).length >= SIGNS_NEEDED) return frame;
  }
  return undefined;
}

/**
 * Makes a root where none is left, once the pages are sound: the letters of caches are those that the records of their
 * blocks have. Undefined without pages. O(heap).
 */
export function remakeRoot(layers: RestingLayers): DebugMend[] | undefined {
  if (DebugRoot.find(layers) !== undefined) return [];
  const letters = lettersOfBlocks(layers);
  const root = DebugRoot.create(layers as Layers, "", (kind) => letters.get(kind) ?? DEFAULT_LETTERS);
  if (root === undefined) return undefined;
  const address = root.word * 4;
  const done = "a new root was made: letters are those of the blocks that there are; older stacks have no names";
  return [{ layer: "debug", address, done, isLoss: true }];
}

function lettersOfBlocks(layers: RestingLayers): Map<number, number> {
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

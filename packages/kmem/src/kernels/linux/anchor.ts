import { type Layers, underTableLock } from "../../kmalloc/layers.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../../memory/layout.ts";
import { NO_FRAME, OwnerMark, RunKind } from "../../pages/layout.ts";
import { Vmalloc } from "../../vmalloc/vmalloc.ts";
import { ANCHOR_MAGIC, AnchorWord } from "./layout.ts";

/** Where the state of the Linux face begins: the anchor page, and the virtual memory that it leads to. */
export interface Anchor {
  /** Index in `words` of the anchor page. */
  readonly word: number;
  readonly vm: Vmalloc;
}

/**
 * Opens what the anchor page leads to, and makes it the first time; of threads that come at once one makes it.
 * Undefined, with nothing changed, when there are no pages for it. Throws as `Vmalloc.attach` does where it is damaged.
 * O(pages).
 */
export function openAnchor(layers: Layers): Anchor | undefined {
  return underTableLock(layers, () => findAnchor(layers) ?? createAnchor(layers));
}

/** As {@link openAnchor}, but makes nothing. */
export function findAnchor(layers: Layers): Anchor | undefined {
  const { memory, pages } = layers;
  memory.refresh();
  memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
  const frame = findPage(layers);
  const word = firstWord(frame);
  // The thread that was making it may be dead.
  if (frame === NO_FRAME || memory.words[word + AnchorWord.VMALLOC] === 0) return undefined;
  return { word, vm: Vmalloc.attach(layers, vmallocAnchor(word)) };
}

/** Makes what is missing: the page first, so that virtual memory always has its anchor in one that stays. */
function createAnchor(layers: Layers): Anchor | undefined {
  const { pages } = layers;
  const found = findPage(layers);
  const frame = found === NO_FRAME ? createPage(layers) : found;
  if (frame === NO_FRAME) return undefined;
  const word = firstWord(frame);
  const vm = Vmalloc.create(layers, vmallocAnchor(word));
  if (vm === undefined) {
    pages.freeExclusive(frame, 1);
    return undefined;
  }
  return { word, vm };
}

function findPage({ geometry, pages: { frames } }: Layers): number {
  for (let frame = geometry.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) === RunKind.SYSTEM && frames.owner(frame) === OwnerMark.LINUX_ANCHOR) return frame;
  }
  return NO_FRAME;
}

function createPage({ memory, pages }: Layers): number {
  const frame = pages.allocate(1, RunKind.SYSTEM);
  if (frame === NO_FRAME) return NO_FRAME;
  const word = firstWord(frame);
  memory.words.fill(0, word, word + (PAGE_SIZE >>> WORD_SHIFT));
  memory.words[word + AnchorWord.MAGIC] = ANCHOR_MAGIC;
  pages.frames.setOwner(frame, OwnerMark.LINUX_ANCHOR);
  return frame;
}

function firstWord(frame: number): number {
  return frame << (PAGE_SHIFT - WORD_SHIFT);
}

/** Address of the word that holds the virtual memory's root. */
function vmallocAnchor(word: number): number {
  return (word + AnchorWord.VMALLOC) * WORD_BYTES;
}

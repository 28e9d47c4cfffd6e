import type { CoreLayers } from "../kmalloc/layers.ts";
import type { Finding } from "../memory/finding.ts";
import { headerWord } from "../memory/header.ts";
import { Header, HeapFlag, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { DebugRootMagic, OwnerMark, RunKind } from "../pages/layout.ts";
import type { RepairStep } from "./log.ts";

/** Of the three signs of a root: pages of its kind and number, their mark, its magic. */
const SIGNS_NEEDED = 2;
const ALL_SIGNS = 3;

/** Whether a heap is debugged, or sampled, so that it has a root. */
function hasRoot({ memory, geometry, pages }: CoreLayers): boolean {
  const isReachable = pages.frames.endFrame * PAGE_SIZE <= memory.byteLength;
  const flags = memory.words[headerWord(geometry, Header.FLAGS)];
  return isReachable && (flags & (HeapFlag.DEBUGGED | HeapFlag.SAMPLED)) !== 0;
}

function signsAt({ memory, pages }: CoreLayers, frame: number): number {
  const { frames } = pages;
  const isRun = frames.kind(frame) === RunKind.SYSTEM && frames.count(frame) === DebugRootMagic.PAGES;
  const isMarked = frames.owner(frame) === OwnerMark.DEBUG_ROOT;
  const isMagic = memory.words[(frame << PAGE_SHIFT) >>> WORD_SHIFT] === DebugRootMagic.MAGIC;
  return Number(isRun) + Number(isMarked) + Number(isMagic);
}

/** The first page with so many signs of a root. O(pages). */
function frameWithSigns(layers: CoreLayers, count: number): number | undefined {
  const { firstPageFrame, endFrame } = layers.pages.frames;
  for (let frame = firstPageFrame; frame + DebugRootMagic.PAGES <= endFrame; frame++) {
    if (signsAt(layers, frame) >= count) return frame;
  }
  return undefined;
}

/** Byte at which a dump of a debugged heap has the time when it was made; undefined for other heaps. O(pages). */
export function dumpTimeByte(layers: CoreLayers): number | undefined {
  if (!hasRoot(layers)) return undefined;
  const frame = frameWithSigns(layers, ALL_SIGNS);
  return frame === undefined ? undefined : frame * PAGE_SIZE + DebugRootMagic.DUMPED * WORD_BYTES;
}

/** What a check says of a heap that is said to be debugged, or sampled, and has no root. */
export function rootFindings(layers: CoreLayers): Finding[] {
  if (!hasRoot(layers) || frameWithSigns(layers, ALL_SIGNS) !== undefined) return [];
  const address = layers.geometry.baseFrame * PAGE_SIZE;
  return [{ layer: "debug", address, problem: "the root of a debugged heap, with its letters and stacks, is lost" }];
}

/**
 * Finds the root of a debugged heap by what is left of its signs, and makes those whole, before the pages are repaired
 * that they are on: else they would be nobody's. `known` is where it is, if anybody knows. O(pages).
 */
export function repairRoot(layers: CoreLayers, known?: number): RepairStep[] {
  if (rootFindings(layers).length === 0) return [];
  const { memory, pages } = layers;
  const { frames } = pages;
  const found = known ?? frameWithSigns(layers, SIGNS_NEEDED);
  if (found === undefined) return [];
  frames.setRun(found, DebugRootMagic.PAGES, RunKind.SYSTEM);
  frames.setCount(found, DebugRootMagic.PAGES);
  frames.setOwner(found, OwnerMark.DEBUG_ROOT);
  memory.words[(found << PAGE_SHIFT) >>> WORD_SHIFT] = DebugRootMagic.MAGIC;
  return [
    { layer: "debug", address: found * PAGE_SIZE, done: "the root of the debugged heap was found", isLoss: false },
  ];
}

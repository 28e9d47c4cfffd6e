import { type CheckReport, checkCore } from "../kmalloc/check.ts";
import type { CoreLayers } from "../kmalloc/layers.ts";
import { openCoreLayers } from "../kmalloc/open-layers.ts";
import { type SlotStats, slotStats } from "../kmalloc/slot-stats.ts";
import { type HeapStats, heapStats } from "../kmalloc/stats.ts";
import { dumpOffset, type OpenedDump, openDump, writeDump } from "../memory/dump.ts";
import { KmemError } from "../memory/errors.ts";
import { type Finding, foldFindings } from "../memory/finding.ts";
import { headerWord } from "../memory/header.ts";
import { Header, HeapFlag, LAYOUT_VERSION, PAGE_SIZE } from "../memory/layout.ts";
import { LinearMemory } from "../memory/memory.ts";
import { newBuffer } from "../memory/new-memory.ts";
import { dumpTimeByte, repairRoot, rootFindings } from "../repair/debug-root.ts";
import { repairHeader } from "../repair/header.ts";
import { RepairLog, type RepairStep } from "../repair/log.ts";
import { type RepairReport, repairLayers, withDone } from "../repair/repair.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import type { BaseHeap } from "./base-heap.ts";
import { layersToView } from "./full-layers.ts";

/**
 * A copy of a heap's memory for `loadDump`, without empty pages and those that others have added to it. That of a
 * debugged heap has the time in it, so that the ages of its blocks stay what they were. O(bytes).
 * Throws BAD_ARGUMENT for what is no heap, and DETACHED.
 */
export function dumpHeap(heap: BaseHeap): Uint8Array<ArrayBuffer> {
  const layers = layersToView(heap);
  const { memory, geometry, pages } = layers;
  const bytes = memory.bytes.subarray(0, pages.frames.endFrame * PAGE_SIZE);
  const dump = writeDump(bytes, geometry.baseFrame * PAGE_SIZE, (page) => pages.frames.isForeign(page));
  const timeByte = dumpTimeByte(layers);
  if (timeByte !== undefined) stampDump(dump, timeByte);
  return dump;
}

/** Notes in a dump when it was made, which the ages of its blocks count to; a dump of a dump keeps the first time. */
function stampDump(dump: Uint8Array<ArrayBuffer>, timeByte: number): void {
  const place = dumpOffset(dump, timeByte);
  if (place === undefined) return;
  const view = new DataView(dump.buffer);
  if (view.getFloat64(place, true) === 0) view.setFloat64(place, Date.now(), true);
}

/** What became of a damaged dump. */
export interface DumpRepair extends RepairReport {
  /** The repaired heap's dump; undefined where it could not be repaired. */
  readonly dump: Uint8Array<ArrayBuffer> | undefined;
}

function memoryOf(opened: OpenedDump): LinearMemory {
  const memory = new LinearMemory(newBuffer(opened.byteLength, false));
  opened.copyTo(memory.bytes);
  return memory;
}

/** What a header that cannot be read is to a check. */
function headerFinding(error: unknown, address: number): Finding {
  if (!(error instanceof KmemError)) throw error;
  return { layer: "header", address, problem: error.message };
}

/** What the check of a heap at rest finds: where debugging has left a root, that it is there. */
function findingsOf(layers: CoreLayers): Finding[] {
  return [...checkCore(layers).findings, ...rootFindings(layers)];
}

/**
 * Verifies every invariant of a dumped heap without opening it, so that any damage within is reported. Throws as
 * `loadDump` does where the bytes are no dump. The one of `kmem/debug` looks at the blocks of debugged heaps too.
 * O(heap).
 */
export function checkDump(dump: Uint8Array): CheckReport {
  const opened = openDump(dump);
  try {
    const layers = openCoreLayers(memoryOf(opened), opened.start);
    const findings = findingsOf(layers);
    return { isClean: findings.length === 0, findings: foldFindings(findings) };
  } catch (error) {
    return { isClean: false, findings: [headerFinding(error, opened.start)] };
  }
}

/**
 * Repairs a copy of a dumped heap, as `repairHeap` does; `openHeap` opens what it has repaired. Throws as `loadDump`
 * does for what is no dump. The one of `kmem/debug` also repairs what is around the blocks of debugged heaps, and makes
 * a new root where nothing is left of it. O(heap).
 */
export function repairDump(dump: Uint8Array): DumpRepair {
  return repairDumpWith(dump, () => []);
}

/** The same; `remakeRoot` makes the root of a debugged heap anew of which nothing is left. */
export function repairDumpWith(
  dump: Uint8Array,
  remakeRoot: (layers: CoreLayers) => readonly RepairStep[],
): DumpRepair {
  const opened = openDump(dump);
  const memory = memoryOf(opened);
  const steps: RepairStep[] = [];
  const unreadable: Finding[] = [];
  try {
    openCoreLayers(memory, opened.start);
  } catch (error) {
    unreadable.push(headerFinding(error, opened.start));
  }
  try {
    repairHeader(memory, opened.start, opened.byteLength / PAGE_SIZE, new RepairLog(steps, "header"));
  } catch (error) {
    const remaining = [headerFinding(error, opened.start)];
    const findings = unreadable.map((finding) => ({ ...finding, done: "nothing: it cannot be restored" }));
    return { isRepaired: false, findings, steps, remaining, dump: undefined };
  }
  const layers = openCoreLayers(memory, opened.start);
  const before = [...unreadable, ...findingsOf(layers)];
  steps.push(...repairRoot(layers));
  repairLayers(layers, steps);
  if (rootFindings(layers).length > 0) steps.push(...remakeRoot(layers));
  const remaining = foldFindings(findingsOf(layers));
  const isRepaired = remaining.length === 0;
  const findings = foldFindings(withDone(before, steps));
  const repaired = isRepaired ? writeDump(memory.bytes, opened.start) : undefined;
  return { isRepaired, findings, steps, remaining, dump: repaired };
}

/** What a dump holds. */
export interface DumpInfo {
  /** Version of the dump's format, and of the layout of the heap in it. */
  readonly formatVersion: number;
  /** Version of the layout of the heap in it. */
  readonly layoutVersion: number;
  /** Pages that are in the dump; all others are empty. */
  readonly storedPages: number;
  /** Threads that the heap has room for. */
  readonly slotCount: number;
  /** Named caches that the heap can have. */
  readonly namedCacheCount: number;
  /** Whether the heap was made with `exactFrees`. */
  readonly isExactFrees: boolean;
  /** The `sheafBlocks` that the heap was made with; 0 where it chooses. */
  readonly sheafBlocks: number;
  /** The `slabBytes` that the heap was made with; 0 where it chooses. */
  readonly slabBytes: number;
  /** Slots that are not free. */
  readonly slots: readonly SlotStats[];
  /** The figures of the heap, as `heapStats` gives them. */
  readonly stats: Omit<HeapStats, "memoryKind">;
  /** What `checkDump` finds in it. */
  readonly findings: readonly Finding[];
}

/** Says what a dump holds without opening its heap. Throws as `loadDump` does. O(heap). */
export function describeDump(dump: Uint8Array): DumpInfo {
  const opened = openDump(dump);
  const layers = openCoreLayers(memoryOf(opened), opened.start);
  const { memory, geometry } = layers;
  const { memoryKind, ...stats } = heapStats(layers);
  return {
    formatVersion: opened.version,
    layoutVersion: LAYOUT_VERSION,
    storedPages: opened.storedPages,
    slotCount: geometry.slotCount,
    namedCacheCount: geometry.cacheCount - CLASS_COUNT,
    isExactFrees: (memory.words[headerWord(geometry, Header.FLAGS)] & HeapFlag.EXACT_FREES) !== 0,
    sheafBlocks: geometry.sheafBlocks,
    slabBytes: geometry.slabPages * PAGE_SIZE,
    slots: slotStats(layers),
    stats,
    findings: foldFindings(findingsOf(layers)),
  };
}

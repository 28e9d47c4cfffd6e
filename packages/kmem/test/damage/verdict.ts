import { layersOf } from "../../src/heap/access.ts";
import { checkDump } from "../../src/heap/dumps.ts";
import {
  blocksOf,
  type Cache,
  checkHeap,
  type Heap,
  heapStats,
  loadDump,
  reapSlot,
  repairDump,
  repairHeap,
  slotStats,
} from "../../src/index.ts";
import { FRAME_RECORD_BYTES, FrameKind, FrameRecord, Header, PAGE_SIZE, SLAB_HEAD_MASK } from "../../src/layout.ts";
import { CacheRecord } from "../../src/slab/layout.ts";
import { patternFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";
import type { Hit } from "./corrupt.ts";
import { type Belonging, type Scene, tryPages } from "./scenes.ts";

/**
 * What became of a damaged heap.
 *
 * - harmless: not reported, and nothing is otherwise than without the damage;
 * - taken for stale: not reported; free blocks of a sheaf are tagged live, as by a double free at the same moment, and
 *   are lost until they are freed;
 * - repaired, or repaired with losses: reported, the check is clean, and nothing that may be in use was given away;
 * - refused: the header cannot be restored;
 * - fault: all else.
 */
export type Outcome = "harmless" | "taken for stale" | "repaired" | "repaired with losses" | "refused" | "fault";

export interface Verdict {
  readonly outcome: Outcome;
  readonly text: string;
}

const STACK_LINES = 7;

/** Says what check and repair make of a damaged dump, and whether that is right. */
export function judgeDump(scene: Scene, damaged: Uint8Array, hits: readonly Hit[]): Verdict {
  return judge(() => {
    if (checkDump(damaged).isClean) return unreported(loadDump(damaged), scene, hits, scene.isStalePossible);
    const { dump, remaining, steps } = repairDump(damaged);
    const [left] = remaining;
    if (dump === undefined && left?.layer === "header") return { outcome: "refused", text: left.problem };
    if (dump === undefined) return { outcome: "fault", text: `the check still finds: ${left?.problem}` };
    return repaired(
      () => loadDump(dump),
      scene,
      hits,
      steps.some(({ isLoss }) => isLoss),
    );
  });
}

/** The same for a heap that is in use, into which the damage is written; `damaged` are the bytes of its memory. */
export function judgeLive(scene: Scene, damage: (bytes: Uint8Array) => void, hits: readonly Hit[]): Verdict {
  return judge(() => {
    const heap = loadDump(scene.dump);
    damage(new Uint8Array(heap.buffer));
    // The thread that loads a dump is one more than those that made it.
    if (checkHeap(heap).isClean) return unreported(heap, scene, hits, !scene.isExact);
    const { isRepaired, remaining, steps } = repairHeap(heap);
    if (!isRepaired) return { outcome: "fault", text: `the check still finds: ${remaining[0]?.problem}` };
    return repaired(
      () => heap,
      scene,
      hits,
      steps.some(({ isLoss }) => isLoss),
    );
  });
}

function judge(judgement: () => Verdict): Verdict {
  try {
    return judgement();
  } catch (error) {
    const text = error instanceof Error ? error.stack?.split("\n").slice(0, STACK_LINES).join(" | ") : undefined;
    return { outcome: "fault", text: text ?? String(error) };
  }
}

/** A repaired heap keeps what was not hit itself, and serves requests; without losses all can be freed. */
function repaired(open: () => Heap, scene: Scene, hits: readonly Hit[], isLossy: boolean): Verdict {
  const spared = scene.belongings.filter((one) => !isHit(scene, one, hits));
  const heap = open();
  const text =
    brokenContents(heap, spared) ??
    useUp(heap) ??
    brokenContents(heap, spared) ??
    writtenProgram(heap, scene, hits) ??
    firstFinding(heap);
  if (text !== undefined) return { outcome: "fault", text: `after the repair: ${text}` };
  if (isLossy) return { outcome: "repaired with losses", text: "" };
  freeAll(heap, spared);
  return { outcome: "repaired", text: firstFinding(heap) ?? "" };
}

const restStates = new WeakMap<Scene, string>();

/** Damage that is not reported must change nothing: all is there, all can be freed, the heap is as at first. */
function unreported(heap: Heap, scene: Scene, hits: readonly Hit[], isStalePossible: boolean): Verdict {
  const expected = restStates.get(scene) ?? emptied(loadDump(scene.dump), scene, []).state;
  restStates.set(scene, expected);
  const broken = brokenContents(heap, scene.belongings);
  if (broken !== undefined) return { outcome: "fault", text: `unreported: ${broken}` };
  const { state, staleCount } = emptied(heap, scene, hits);
  if (state !== expected) return { outcome: "fault", text: `unreported, and not as before: ${state}` };
  if (staleCount > 0 && !isStalePossible) return { outcome: "fault", text: `unreported: ${staleCount} are live` };
  const text = useUp(heap) ?? writtenProgram(heap, scene, []) ?? firstFinding(heap);
  if (text !== undefined) return { outcome: "fault", text: `unreported, then: ${text}` };
  return { outcome: staleCount > 0 ? "taken for stale" : "harmless", text: "" };
}

/** Frees everything and says what the heap is then. What is live by its tag alone, which was hit, is freed as well. */
function emptied(
  heap: Heap,
  scene: Scene,
  hits: readonly Hit[],
): { readonly state: string; readonly staleCount: number } {
  for (const { slot } of slotStats(heap)) if (slot !== heap.slot) reapSlot(heap, slot);
  freeAll(heap, scene.belongings);
  const stale = [...blocksOf(heap)].filter(({ address }) => meet(hits, tagOf(scene, address)));
  for (const { address } of stale) heap.free(address);
  heap.trim();
  const { zones, caches, liveBlocks, bytes, heldSlots } = heapStats(heap);
  const allCaches = heapStats(heap, { emptyCaches: true }).caches;
  const shapes = allCaches.map(({ name, objectBytes }) => [name, objectBytes]);
  const { findings } = checkHeap(heap);
  const state = JSON.stringify({ zones, caches, liveBlocks, bytes, heldSlots, shapes, findings });
  return { state, staleCount: stale.length };
}

function freeAll(heap: Heap, belongings: readonly Belonging[]): void {
  const caches = new Map<string, Cache>();
  for (const { address, cache, pageCount } of belongings) {
    if (pageCount > 0) heap.pages.free(address, pageCount);
    else if (cache === undefined) heap.free(address);
    else {
      const opened = caches.get(cache) ?? heap.openCache(cache);
      caches.set(cache, opened);
      opened.free(address);
    }
  }
}

function firstFinding(heap: Heap): string | undefined {
  return checkHeap(heap).findings[0]?.problem;
}

function brokenContents(heap: Heap, belongings: readonly Belonging[]): string | undefined {
  const bytes = new Uint8Array(heap.buffer);
  const broken = belongings.find(
    ({ address, bytes: length }) => patternFault(bytes, address, address + length, address >>> 4) >= 0,
  );
  return broken && `the live block at 0x${broken.address.toString(16)} was overwritten`;
}

/** Damage to so few bytes of the kinds of a program's pages leaves it clear whose they are. */
const FEW_BYTES = 4;

/** Says where a heap that was used up has written into pages of the program's. */
function writtenProgram(heap: Heap, scene: Scene, hits: readonly Hit[]): string | undefined {
  const { baseFrame, frameTable, kindTable, tagTable } = layersOf(heap).geometry;
  const bytes = new Uint8Array(heap.buffer);
  for (const [start, end] of scene.program) {
    const [first, last] = [start / PAGE_SIZE - baseFrame, end / PAGE_SIZE - baseFrame];
    const tables: Stretch[] = [
      [frameTable + first * FRAME_RECORD_BYTES, frameTable + last * FRAME_RECORD_BYTES],
      [kindTable + first, kindTable + last],
      [tagTable + first * FRAME_TAGS, tagTable + last * FRAME_TAGS],
    ];
    const own = hits.filter((hit) => tables.some((table) => meet([hit], table)));
    const isClear = own.length === 0 || (own.length === 1 && own.every((hit) => hit.end - hit.start <= FEW_BYTES));
    if (isClear && !bytes.subarray(start, end).every((byte) => byte === 0))
      return `the program's pages were handed out`;
  }
  return undefined;
}

/** Tags of a page. */
const FRAME_TAGS = PAGE_SIZE / 16;
const FILL = 0xee;
const RANDOM_BLOCKS = 40;
/** Free pages with which every heap serves some blocks. */
const ROOM_PAGES = 16;
const RANDOM_SIZES = [1, 300, 5000, 40_000];

/** Takes blocks of all sizes and pages until the heap is full, overwrites them, and frees them; says what is wrong. */
function useUp(heap: Heap): string | undefined {
  const hasRoom = heapStats(heap).bytes.freePageBytes > ROOM_PAGES * PAGE_SIZE;
  const random = new Random(1);
  const blocks: number[] = [];
  const pages: number[] = [];
  const take = (sizeBytes: number): boolean => {
    const address = heap.tryAlloc(sizeBytes);
    if (address === 0) return false;
    new Uint8Array(heap.buffer).fill(FILL, address, address + heap.usableSize(address));
    blocks.push(address);
    return true;
  };
  for (const sizeBytes of RANDOM_SIZES) {
    for (let n = 0; n < RANDOM_BLOCKS && take(sizeBytes + random.below(sizeBytes)); n++);
  }
  for (let page = tryPages(heap, 1); page !== 0; page = tryPages(heap, 1)) {
    new Uint8Array(heap.buffer).fill(FILL, page, page + PAGE_SIZE);
    pages.push(page);
  }
  for (const { blockBytes } of heapStats(heap, { emptyCaches: true }).caches) while (take(blockBytes));
  for (const address of blocks) heap.free(address);
  for (const address of pages) heap.pages.free(address, 1);
  return blocks.length > 0 || !hasRoom ? undefined : "there is no memory for a single block";
}

type Stretch = readonly [number, number];

function meet(hits: readonly Hit[], [start, end]: Stretch): boolean {
  return hits.some((hit) => hit.start < end && hit.end > start);
}

/** Whether the damage is to a belonging's own tag, or to what the tables say of one of its slab's or run's pages. */
function isHit(scene: Scene, { address }: Belonging, hits: readonly Hit[]): boolean {
  const layers = layersOf(heapOf(scene));
  const { memory, geometry, pages, caches } = layers;
  const { frames } = pages;
  const frame = Math.floor(address / PAGE_SIZE);
  const kind = frames.kind(frame);
  const isSlab = kind >= FrameKind.FIRST_CACHE;
  const head = isSlab ? memory.words[frames.record(frame) + FrameRecord.SLAB_OR_OWNER] & SLAB_HEAD_MASK : frame;
  const first = head - geometry.baseFrame;
  const end = first + (isSlab ? caches.get(kind, CacheRecord.SLAB_PAGES) : frames.count(frame));
  const { frameTable, kindTable } = geometry;
  const records: Stretch = [frameTable + first * FRAME_RECORD_BYTES, frameTable + end * FRAME_RECORD_BYTES];
  return [records, [kindTable + first, kindTable + end], tagOf(scene, address)].some((one) =>
    meet(hits, one as Stretch),
  );
}

/** Where the tag of an address stands. */
function tagOf(scene: Scene, address: number): Stretch {
  const { memory } = layersOf(heapOf(scene));
  const tag = (memory.words[Header.TAG_TABLE] >>> 0) + Math.floor(address / 16);
  return [tag, tag + 1];
}

const undamaged = new WeakMap<Scene, Heap>();

/** The heap of the undamaged dump, to look things up in. */
function heapOf(scene: Scene): Heap {
  const heap = undamaged.get(scene) ?? loadDump(scene.dump);
  undamaged.set(scene, heap);
  return heap;
}

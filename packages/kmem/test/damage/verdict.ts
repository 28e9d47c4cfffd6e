import { type Cache, Heap, type HeapStats } from "../../src/index.ts";
import { FRAME_RECORD_BYTES, Header, PAGE_SIZE } from "../../src/layout.ts";
import { checkDump, repairDump } from "../../src/dump-repair.ts";
import { patternFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";
import type { Hit } from "./corrupt.ts";
import { type Belonging, type Scene, tryPages } from "./scenes.ts";

/** What became of one damaged dump. */
export interface Verdict {
  readonly outcome: "harmless" | "repaired" | "repaired with losses" | "refused" | "fault";
  readonly text: string;
}

/** Says what check and repair make of a damaged dump, and whether that is right. */
export function judge(scene: Scene, damaged: Uint8Array, hits: readonly Hit[]): Verdict {
  try {
    const { isClean } = checkDump(damaged);
    if (isClean) return judgeHarmless(scene, damaged);
    const { dump, isRepaired, remaining, mends } = repairDump(damaged);
    if (dump === undefined || !isRepaired) {
      const [first] = remaining;
      if (first?.layer === "header") return { outcome: "refused", text: first.problem };
      return { outcome: "fault", text: `the check still finds: ${first?.layer}: ${first?.problem}` };
    }
    const spared = scene.belongings.filter((one) => !isHit(scene, one, hits));
    const fault = faultOfRepaired(dump, spared);
    if (fault !== undefined) return { outcome: "fault", text: fault };
    return { outcome: mends.some(({ isLoss }) => isLoss) ? "repaired with losses" : "repaired", text: "" };
  } catch (error) {
    return { outcome: "fault", text: error instanceof Error ? `${error.stack?.split("\n").slice(0, 7).join(" | ")}` : String(error) };
  }
}

/** Whether the damage is to a belonging's own tag, or to what the tables say of one of its slab's or run's pages. */
function isHit({ dump }: Scene, { address }: Belonging, hits: readonly Hit[]): boolean {
  const { frames, kinds, tags, pages } = placesOf(dump, address);
  const stretches = [frames, kinds, tags];
  return pages > 0 && hits.some((hit) => stretches.some(([start, end]) => hit.start < end && hit.end > start));
}

const opened = new WeakMap<Uint8Array, Heap>();

/** The heap of an undamaged dump, to look things up in. */
function heapOf(dump: Uint8Array): Heap {
  const heap = opened.get(dump) ?? Heap.load(dump);
  opened.set(dump, heap);
  return heap;
}

type Stretch = readonly [number, number];

/** Where the tables speak of a live thing: records and kinds of its pages, and its tag. */
function placesOf(
  dump: Uint8Array,
  address: number,
): { readonly frames: Stretch; readonly kinds: Stretch; readonly tags: Stretch; readonly pages: number } {
  const heap = heapOf(dump);
  const words = new Int32Array(heap.buffer, 0, heap.buffer.byteLength >>> 2);
  const { frames } = heap.layers.pages;
  let first = Math.floor(address / PAGE_SIZE);
  const kind = frames.kind(first);
  const isSlab = kind >= 16;
  const pages = isSlab ? heap.layers.caches.get(kind, 3) : frames.count(first);
  if (isSlab) first = words[frames.record(first) + 3] & 0xfffff;
  const table = words[Header.FRAME_TABLE] >>> 0;
  const kindTable = words[Header.KIND_TABLE] >>> 0;
  const tag = (words[Header.TAG_TABLE] >>> 0) + Math.floor(address / 16);
  return {
    frames: [table + first * FRAME_RECORD_BYTES, table + (first + pages) * FRAME_RECORD_BYTES],
    kinds: [kindTable + first, kindTable + first + pages],
    tags: [tag, tag + 1],
    pages,
  };
}

function brokenContents(heap: Heap, belongings: readonly Belonging[]): Belonging | undefined {
  const bytes = new Uint8Array(heap.buffer);
  return belongings.find(({ address, bytes: length }) => patternFault(bytes, address, address + length, address >>> 4) >= 0);
}

/** Uses a heap for everything there is until it is full, then empties it again. Throws what the heap throws. */
function useUp(heap: Heap, random: Random): void {
  const blocks: number[] = [];
  const bytes = (): Uint8Array => new Uint8Array(heap.buffer);
  for (const step of [1, 300, 5000, 40_000]) {
    for (let n = 0; n < 40; n++) {
      const address = heap.tryAlloc(step + random.below(step));
      if (address === 0) break;
      bytes().fill(0xee, address, address + heap.usableSize(address));
      blocks.push(address);
    }
  }
  const pages: number[] = [];
  for (let page = tryPages(heap, 1); page !== 0; page = tryPages(heap, 1)) {
    bytes().fill(0xee, page, page + PAGE_SIZE);
    pages.push(page);
  }
  for (let size = 16; size <= 32_768; size = Math.ceil((size * 9) / 8 / 16) * 16) {
    for (let address = heap.tryAlloc(size); address !== 0; address = heap.tryAlloc(size)) {
      bytes().fill(0xee, address, address + size);
      blocks.push(address);
    }
  }
  for (const address of blocks) heap.free(address);
  for (const address of pages) heap.pages.free(address, 1);
}

/** What is wrong with a repaired heap, undefined where nothing is. */
function faultOfRepaired(dump: Uint8Array, spared: readonly Belonging[]): string | undefined {
  const heap = Heap.load(dump);
  const before = brokenContents(heap, spared);
  if (before !== undefined) return `repair changed the block at 0x${before.address.toString(16)}`;
  useUp(heap, new Random(1));
  const after = brokenContents(heap, spared);
  if (after !== undefined) return `the live block at 0x${after.address.toString(16)} was handed out again`;
  const { findings } = heap.check();
  return findings[0] === undefined ? undefined : `after use: ${findings[0].problem}`;
}

const restStates = new WeakMap<Scene, unknown>();

/** Damage that the check does not report must change nothing: all is there, all can be freed, the heap is as at first. */
function judgeHarmless(scene: Scene, damaged: Uint8Array): Verdict {
  const expected = restStates.get(scene) ?? emptied(Heap.load(scene.dump), scene);
  restStates.set(scene, expected);
  const heap = Heap.load(damaged);
  const broken = brokenContents(heap, scene.belongings);
  if (broken !== undefined) return { outcome: "fault", text: "unreported damage changed a live block" };
  const found = emptied(heap, scene);
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    return { outcome: "fault", text: `unreported, but not as before: ${JSON.stringify(found)}` };
  }
  useUp(heap, new Random(1));
  const { findings } = heap.check();
  if (findings[0] !== undefined) return { outcome: "fault", text: `unreported, then: ${findings[0].problem}` };
  return { outcome: "harmless", text: "" };
}

/** Frees everything and says what the heap is then. */
function emptied(heap: Heap, scene: Scene): unknown {
  for (const { slot } of heap.slotStats()) if (slot !== heap.slot) heap.reap(slot);
  const caches = new Map<string, Cache>();
  for (const { address, cache, pageCount } of scene.belongings) {
    if (pageCount > 0) heap.pages.free(address, pageCount);
    else if (cache === undefined) heap.free(address);
    else {
      const opened = caches.get(cache) ?? heap.openCache(cache);
      caches.set(cache, opened);
      opened.free(address);
    }
  }
  heap.trim();
  const { findings } = heap.check();
  const stats: HeapStats = heap.stats();
  const { zones, caches: used, liveBlocks, bytes, heldSlots } = stats;
  const names = stats.allCaches.map(({ name, objectBytes }) => [name, objectBytes]);
  return { zones, used, liveBlocks, bytes, heldSlots, names, findings };
}

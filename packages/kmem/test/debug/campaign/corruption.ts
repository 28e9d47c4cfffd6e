import { type BugReport, type DebugCache, DebugHeap } from "../../../src/debug/index.ts";
import { RECORD_BYTES, RED_LEFT_BYTES } from "../../../src/debug/layout.ts";
import { layersOf } from "../../../src/heap/access.ts";
import { blockAt, checkHeap } from "../../../src/index.ts";
import { describeAddress } from "../../../src/kmalloc/describe.ts";
import { MIB } from "../../support/memories.ts";
import { Random } from "../../support/random.ts";

/** Where a byte is overwritten. */
export const CORRUPTION_KINDS = [
  "underflow by 1",
  "overflow by 1",
  "left zone",
  "right zone",
  "slack behind the size",
  "record",
  "freed, in quarantine",
  "freed, in a sheaf or slab",
] as const;
export type CorruptionKind = (typeof CORRUPTION_KINDS)[number];

/** One byte that was overwritten, and whether that was found. */
export interface Corruption {
  readonly number: number;
  readonly kind: CorruptionKind;
  readonly at: number;
  readonly isFound: boolean;
  /** Whether the report named that byte, or for a record its words. */
  readonly isRight: boolean;
  /** Reports that were not of this byte. */
  readonly others: number;
}

/** An object to spoil. */
interface Victim {
  readonly address: number;
  readonly sizeBytes: number;
  readonly free: () => void;
}

/** Seeds of two campaigns never meet. */
const SEEDS_APART = 1_000_000;
/** Sizes whose blocks come from slabs, zones and record included. */
const SLAB_BYTES_MAX = 30_000;
const LARGE_BYTES_MAX = 80_000;
/** Of these a slab holds several. */
const IDLE_BYTES_MAX = 3000;
/** Blocks that are freed some time after. */
const LATER_MAX = 40;
const BLOCKS_HELD = 200;

/** A debugged heap among whose live blocks others are spoilt, one after another. */
class Scene {
  readonly heap: DebugHeap;
  readonly caches: readonly DebugCache[];
  readonly reports: BugReport[] = [];
  readonly #later: Victim[] = [];

  constructor(debug: string, quarantineBytes: number, random: Random) {
    const report = (bug: BugReport): void => void this.reports.push(bug);
    this.heap = DebugHeap.create({ sizeBytes: 16 * MIB, debug, stackDepth: 1, quarantineBytes, report });
    this.caches = [24, 100, 3000].map((sizeBytes) =>
      this.heap.createCache({ name: `objects-${sizeBytes}`, sizeBytes }),
    );
    // These keep slabs from becoming empty, and are what a wild write must not be taken for.
    for (let count = 0; count < BLOCKS_HELD; count++) this.heap.alloc(random.size(SLAB_BYTES_MAX / 8));
    for (const cache of this.caches) cache.alloc();
  }

  victim(random: Random, bytesMax: number): Victim {
    const { heap } = this;
    const way = random.below(5);
    if (way === 0) {
      const cache = random.pick(this.caches);
      const address = cache.alloc();
      return { address, sizeBytes: cache.sizeBytes, free: () => cache.free(address) };
    }
    const sizeBytes = 1 + random.size(bytesMax - 1);
    const address = way === 1 ? heap.alignedAlloc(2 ** random.below(9), sizeBytes) : heap.alloc(sizeBytes);
    return { address, sizeBytes, free: () => heap.free(address) };
  }

  /** A block that was freed and lies in a sheaf or in its slab, which its like on both sides keep from going. */
  idle(random: Random): Victim {
    const { heap } = this;
    const seed = random.below(SEEDS_APART);
    for (let attempt = seed; ; attempt++) {
      const like = [0, 1, 2].map(() => this.victim(new Random(attempt), IDLE_BYTES_MAX)) as [Victim, Victim, Victim];
      const [first, victim, last] = like;
      victim.free();
      if (random.below(2) === 0) heap.trim();
      const isThere = blockAt(heap, victim.address)?.live === false;
      this.#later.push(first, last);
      while (this.#later.length > LATER_MAX) this.#later.shift()?.free();
      if (isThere && blockAt(heap, victim.address)?.live === false) return victim;
    }
  }
}

/** Overwrites single bytes in and around blocks, at random, and looks whether that is found, and where. */
export class CorruptionCampaign {
  readonly #seed: number;
  readonly #usual: Scene;
  readonly #withoutQuarantine: Scene;

  constructor(seed: number, debug = "FZPU") {
    this.#seed = seed;
    this.#usual = new Scene(debug, MIB, new Random(seed));
    this.#withoutQuarantine = new Scene(debug, 0, new Random(seed));
  }

  run(number: number): Corruption {
    const random = new Random(this.#seed * SEEDS_APART + number);
    const kind = CORRUPTION_KINDS[number % CORRUPTION_KINDS.length] as CorruptionKind;
    const isSlabbed = kind === "freed, in a sheaf or slab";
    const scene = isSlabbed ? this.#withoutQuarantine : this.#usual;
    const { heap, reports } = scene;
    const victim = isSlabbed ? scene.idle(random) : scene.victim(random, LARGE_BYTES_MAX);
    const at = placeOf(kind, victim, recordOf(heap, victim), random);
    if (kind === "freed, in quarantine") victim.free();
    new Uint8Array(heap.buffer)[at] ^= 1 + random.below(255);
    if (kind === "freed, in quarantine") heap.trim();
    else if (isSlabbed) heap.validate();
    else victim.free();
    const found = reports.splice(0).map((report) => isOf(report, at, kind));
    const right = found.filter((is) => is).length;
    return { number, kind, at, isFound: found.length > 0, isRight: right === 1, others: found.length - right };
  }

  /** What is wrong with the heaps in the end: every corruption was repaired. */
  findings(): readonly unknown[] {
    return [this.#usual, this.#withoutQuarantine].flatMap(({ heap }) => checkHeap(heap).findings);
  }
}

/** First byte of the record of a live object: it ends the block. */
function recordOf(heap: DebugHeap, { address }: Victim): number {
  const { block } = describeAddress(layersOf(heap), address);
  if (block === undefined) throw new Error("no block");
  return block.address + block.usableBytes - RECORD_BYTES;
}

/** The byte to spoil. */
function placeOf(kind: CorruptionKind, { address, sizeBytes }: Victim, record: number, random: Random): number {
  const end = address + sizeBytes;
  switch (kind) {
    case "underflow by 1":
      return address - 1;
    case "overflow by 1":
      return end;
    case "left zone":
      return address - 1 - random.below(RED_LEFT_BYTES);
    case "right zone":
      return record - 1 - random.below(Math.min(8, record - end));
    case "slack behind the size":
      return end + random.below(record - end);
    case "record":
      return record + random.below(RECORD_BYTES);
    default:
      return address + random.below(sizeBytes);
  }
}

function isOf({ bytes, reason }: BugReport, at: number, kind: CorruptionKind): boolean {
  if (kind !== "record") return bytes !== undefined && bytes.from === at && bytes.to === at + 1;
  const [from = 0, to = 0] = [...reason.matchAll(/0x([0-9a-f]+)/g)].map(([, digits = ""]) =>
    Number.parseInt(digits, 16),
  );
  return reason.startsWith("Object padding overwritten") && at >= from && at <= to;
}

/** How many were found, by where the byte was. */
export class CorruptionTotals {
  readonly #rows = new Map<CorruptionKind, { done: number; found: number; right: number }>();
  /** Those that were not found, or not where they were, or not alone. */
  readonly missed: Corruption[] = [];

  add(one: Corruption): void {
    const row = this.#rows.get(one.kind) ?? { done: 0, found: 0, right: 0 };
    row.done++;
    if (one.isFound) row.found++;
    if (one.isRight) row.right++;
    this.#rows.set(one.kind, row);
    if (!one.isFound || !one.isRight || one.others > 0) this.missed.push(one);
  }

  /** Rows of a table. */
  get text(): string {
    const lines = [...this.#rows].map(([kind, row]) => `| ${kind} | ${row.done} | ${row.found} | ${row.right} |`);
    return ["| byte overwritten | times | found | at its address |", "| :-- | --: | --: | --: |", ...lines].join("\n");
  }
}

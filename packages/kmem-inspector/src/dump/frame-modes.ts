import { GRANULE, PAGE_SIZE } from "kmem";
import { FrameKind, ORDER_COUNT } from "kmem/layout";
import { blocksOfSlab } from "./blocks.ts";
import { liveRecords } from "./debug-records.ts";
import type { DumpModel } from "./dump-model.ts";
import { FRAME_STATES, isRunHead } from "./frame-states.ts";
import { groupOf, holderOf, slabsOf } from "./runs.ts";

/** What the map can show of each page. */
export const MAP_MODES = [
  { id: "state", label: "State" },
  { id: "fill", label: "Occupancy" },
  { id: "order", label: "Order" },
  { id: "cache", label: "Cache" },
  { id: "slot", label: "Slot" },
  { id: "age", label: "Age" },
] as const;

/** One of {@link MAP_MODES}. */
export type MapMode = (typeof MAP_MODES)[number]["id"];

/** How the colours of a mode are meant: each for itself, as steps of one scale, or what stayed and what did not. */
export type Scale = "states" | "categories" | "steps" | "changes";

/** What a value of the map stands for. */
export interface LegendEntry {
  readonly value: number;
  readonly label: string;
  readonly pages: number;
}

/** A value for each page, 0 for what the mode says nothing about, and what they stand for. */
export interface MapLayer {
  readonly mode: MapMode;
  readonly scale: Scale;
  readonly values: Uint8Array;
  readonly legend: readonly LegendEntry[];
}

const VALUE_MAX = 255;
/** Steps of a scale of shares: empty to full. */
const FILL_STEPS = 8;
/** Pages without a value of a mode. */
const NOTHING = "Not applicable";

/** The map of a mode. O(pages); slot and age read the tags and the records of all blocks besides. */
export function mapLayer(model: DumpModel, mode: MapMode): MapLayer {
  if (mode === "state") return stateLayer(model);
  const values = new Uint8Array(model.kinds.length);
  const labels = FILLERS[mode](model, values);
  const counts = new Uint32Array(VALUE_MAX + 1);
  for (let frame = 0; frame < values.length; frame++) counts[values[frame]!]! += 1;
  const legend = [...labels]
    .map(([value, label]) => ({ value, label, pages: counts[value]! }))
    .filter(({ pages }) => pages > 0);
  const nothing = { value: 0, label: NOTHING, pages: counts[0]! };
  const scale = mode === "cache" || mode === "slot" ? "categories" : "steps";
  return { mode, scale, values, legend: [...legend, nothing] };
}

function stateLayer(model: DumpModel): MapLayer {
  const values = model.states();
  const counts = FRAME_STATES.map(() => 0);
  for (let frame = 0; frame < values.length; frame++) counts[values[frame]!]! += 1;
  const legend = FRAME_STATES.map(({ label }, value) => ({ value, label, pages: counts[value]! }));
  return { mode: "state", scale: "states", values, legend: legend.filter(({ pages }) => pages > 0) };
}

type Filler = (model: DumpModel, values: Uint8Array) => ReadonlyMap<number, string>;

const FILLERS: Readonly<Record<Exclude<MapMode, "state">, Filler>> = {
  fill: fillLevels,
  order: fillOrders,
  cache: fillCaches,
  slot: fillSlots,
  age: fillAges,
};

/** How full slabs are: live blocks and those in sheaves, of all. */
function fillLevels(model: DumpModel, values: Uint8Array): Map<number, string> {
  for (const { firstFrame, pageCount, freeBlocks, cache } of slabsOf(model)) {
    const share = 1 - freeBlocks / Math.max(1, cache.slabBlocks);
    values.fill(1 + Math.round(share * FILL_STEPS), firstFrame, firstFrame + pageCount);
  }
  return new Map(
    Array.from({ length: FILL_STEPS + 1 }, (_, step) => [
      1 + step,
      `${Math.round((100 * step) / FILL_STEPS)} % in use`,
    ]),
  );
}

/** The order of free blocks: how long a run could be there. */
function fillOrders(model: DumpModel, values: Uint8Array): Map<number, string> {
  const { kinds, tables } = model;
  for (let frame = tables?.firstPageFrame ?? 0; tables !== undefined && frame < tables.endFrame; ) {
    const isFree = kinds[frame] === FrameKind.FREE_HEAD;
    const pageCount = isFree ? groupOf(model, frame).pageCount : 1;
    if (isFree) values.fill(1 + Math.log2(pageCount), frame, frame + pageCount);
    frame += pageCount;
  }
  return new Map(Array.from({ length: ORDER_COUNT }, (_, order) => [1 + order, `Free, order ${order}`]));
}

function fillCaches(model: DumpModel, values: Uint8Array): Map<number, string> {
  for (const [frame, kind] of model.kinds.entries()) if (model.caches.has(kind)) values[frame] = kind;
  return new Map([...model.caches.values()].map(({ kind, name }) => [kind, name]));
}

/** The slot of a run; of a slab's page the slot that has the most live blocks of the slab. */
function fillSlots(model: DumpModel, values: Uint8Array): Map<number, string> {
  const { kinds, tables } = model;
  const slots = new Set<number>();
  const note = (slot: number, first: number, count: number): void => {
    slots.add(slot);
    values.fill(Math.min(VALUE_MAX, slot + 1), first, first + count);
  };
  for (const slab of slabsOf(model)) {
    const counts = new Map<number, number>();
    for (const { state, slot = -1 } of blocksOfSlab(model, slab)) {
      if (state === "live") counts.set(slot, (counts.get(slot) ?? 0) + 1);
    }
    const [slot] = [...counts].sort((one, other) => other[1] - one[1])[0] ?? [];
    if (slot !== undefined) note(slot, slab.firstFrame, slab.pageCount);
  }
  for (let frame = tables?.firstPageFrame ?? 0; tables !== undefined && frame < tables.endFrame; frame++) {
    if (!isRunHead(kinds[frame]!)) continue;
    const { slot } = holderOf(model, frame);
    if (slot !== undefined) note(slot, frame, groupOf(model, frame).pageCount);
  }
  return new Map([...slots].sort((a, b) => a - b).map((slot) => [slot + 1, `Slot ${slot}`]));
}

/** Ages in steps: each up to that many milliseconds. */
const AGE_STEPS_MS = [10, 100, 1000, 10_000, 100_000, Number.POSITIVE_INFINITY];
const AGE_LABELS = ["to 10 ms", "to 100 ms", "to 1 s", "to 10 s", "to 100 s", "older"];

/** The age of the oldest live object that begins in a page of a debugged heap. */
function fillAges(model: DumpModel, values: Uint8Array): Map<number, string> {
  for (const { address, bytes, ageMs } of liveRecords(model)) {
    const step = 1 + AGE_STEPS_MS.findIndex((mostMs) => ageMs <= mostMs);
    const end = Math.floor((address + bytes - GRANULE) / PAGE_SIZE);
    for (let frame = Math.floor(address / PAGE_SIZE); frame <= end; frame++) {
      if (step > values[frame]!) values[frame] = step;
    }
  }
  return new Map(AGE_LABELS.map((label, step) => [1 + step, label]));
}

import { viewedLayers } from "../heap/access.ts";
import type { Heap } from "../heap/heap.ts";
import type { Layers } from "../kmalloc/layers.ts";
import {
  type Checks,
  reading,
  readList,
  readOptions,
  requireAmount,
  requireCount,
  requireOptionalFunction,
} from "../memory/arguments.ts";
import { hex } from "../memory/errors.ts";
import { debuggedBlocks } from "./check.ts";
import type { DebugBlocks } from "./debug-blocks.ts";
import type { StackDepot } from "./depot.ts";
import { hexDump } from "./hex-dump.ts";
import { type Located, objectAddress } from "./locate-object.ts";
import { framesOf, type MapFrame } from "./stack.ts";

/** A live object, as one that may have been forgotten. */
export interface LiveObject {
  /** First byte of the object. */
  readonly address: number;
  /** Bytes that were asked for. */
  readonly sizeBytes: number;
  /** Name of its cache. */
  readonly cache: string;
  /** The slot that allocated it. */
  readonly slot: number;
  /** Milliseconds since it was allocated. */
  readonly ageMs: number;
  /** Where it was allocated; empty where the letter U was not there. */
  readonly stack: string;
  /** Counts the slot's allocations. */
  readonly sequence: number;
}

/** The live objects that were allocated in one place. */
export interface AllocationSite {
  /** The stack of the allocations; empty where none was kept. */
  readonly stack: string;
  /** Live objects that were allocated there. */
  readonly blocks: number;
  /** Bytes that were asked for, of all of them. */
  readonly bytes: number;
  /** Age of the youngest, milliseconds. */
  readonly ageMinMs: number;
  /** Age of the oldest, milliseconds. */
  readonly ageMaxMs: number;
  /** Names of their caches, each once. */
  readonly caches: readonly string[];
  /** The slots that allocated them, each once. */
  readonly slots: readonly number[];
  /** The objects themselves. */
  readonly objects: readonly LiveObject[];
}

/** Which objects are wanted. */
export interface LeakFilter {
  /** Only what this slot has allocated. */
  readonly slot?: number;
  /** Only what is at least so old. Default 0. */
  readonly minAgeMs?: number;
}

const LEAK_CHECKS: Checks<LeakFilter> = { slot: requireCount, minAgeMs: requireAmount };

/** What leaks are found with. */
export interface LeakContext {
  readonly layers: Layers;
  readonly blocks: DebugBlocks;
  readonly depot: StackDepot;
}

/** All live objects, in the order of their addresses. O(heap). */
export function* liveObjects({ layers, blocks, depot }: LeakContext): Generator<LiveObject> {
  for (const located of debuggedBlocks(layers, blocks)) {
    if (located.record.state !== "LIVE") continue;
    yield liveObject(located, blocks, depot);
  }
}

function liveObject(located: Located, blocks: DebugBlocks, depot: StackDepot): LiveObject {
  const { record } = located;
  return {
    address: objectAddress(located),
    sizeBytes: record.sizeBytes,
    cache: blocks.cacheName(record.kind),
    slot: record.allocSlot,
    ageMs: blocks.ageMs(record.allocTimeMs),
    stack: depot.textOf(record.allocStack),
    sequence: record.sequence,
  };
}

/** Live objects by the place where they were allocated, those with the most bytes first. O(heap). */
export function allocationSites(objects: Iterable<LiveObject>): AllocationSite[] {
  const byStack = new Map<string, LiveObject[]>();
  for (const object of objects) {
    const there = byStack.get(object.stack);
    if (there === undefined) byStack.set(object.stack, [object]);
    else there.push(object);
  }
  const sites = [...byStack].map(([stack, there]) => siteOf(stack, there));
  return sites.toSorted((a, b) => b.bytes - a.bytes);
}

function siteOf(stack: string, objects: readonly LiveObject[]): AllocationSite {
  const ages = objects.map(({ ageMs }) => ageMs);
  return {
    stack,
    blocks: objects.length,
    bytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ageMinMs: ages.reduce((least, age) => Math.min(least, age)),
    ageMaxMs: ages.reduce((most, age) => Math.max(most, age)),
    caches: [...new Set(objects.map(({ cache }) => cache))],
    slots: [...new Set(objects.map(({ slot }) => slot))],
    objects,
  };
}

/** Live objects that are wanted, by the place where they were allocated. Throws BAD_ARGUMENT. O(heap). */
export function leakSites(context: LeakContext, filter: LeakFilter): AllocationSite[] {
  const wanted = readOptions("filter", filter, LEAK_CHECKS);
  return allocationSites([...liveObjects(context)].filter((object) => isWanted(object, wanted)));
}

/** Whether an object is one of those that are wanted. */
function isWanted({ slot, ageMs }: LiveObject, { slot: wanted, minAgeMs = 0 }: LeakFilter): boolean {
  return (wanted === undefined || slot === wanted) && ageMs >= minAgeMs;
}

/** The sites as bcc's memleak prints them: bytes and blocks of each, and its stack. */
export function sitesText(sites: readonly AllocationSite[], mapFrame?: MapFrame): string {
  requireOptionalFunction("mapFrame", mapFrame);
  return textOfSites(readList("sites", sites) as AllocationSite[], mapFrame);
}

function textOfSites(sites: readonly AllocationSite[], mapFrame: MapFrame | undefined): string {
  if (sites.length === 0) return "No outstanding allocations";
  return reading("sites", sites, () => linesOfSites(sites, mapFrame));
}

function linesOfSites(sites: readonly AllocationSite[], mapFrame: MapFrame | undefined): string {
  const lines = sites.flatMap(({ stack, bytes, blocks, ageMinMs, ageMaxMs, slots, caches }) => [
    `\t${bytes} bytes in ${blocks} allocations from stack`,
    `\t\tage=${ageMinMs}/${ageMaxMs} ms slots=${slots.join()} caches=${caches.join()}`,
    ...framesOf(stack, mapFrame).map((frame) => `\t\t${frame}`),
  ]);
  return [`Top ${sites.length} stacks with outstanding allocations:`, ...lines].join("\n");
}

const DUMPED_BYTES = 32;

/** Objects that nothing leads to, in the shape of kmemleak's reports. */
export function unreferencedText(heap: Heap, objects: readonly LiveObject[], mapFrame?: MapFrame): string {
  requireOptionalFunction("mapFrame", mapFrame);
  const layers = viewedLayers(heap);
  return reading("objects", objects, () => textOfObjects(layers, objects, mapFrame));
}

function textOfObjects(layers: Layers, objects: readonly LiveObject[], mapFrame: MapFrame | undefined): string {
  return objects
    .flatMap(({ address, sizeBytes, slot, ageMs, cache, stack }) => {
      const shown = Math.min(DUMPED_BYTES, sizeBytes);
      return [
        `unreferenced object ${hex(address)} (size ${sizeBytes}):`,
        `  cache ${cache}, slot ${slot}, age ${ageMs} ms`,
        `  hex dump (first ${shown} bytes):`,
        ...hexDump(layers.memory, [{ label: "", start: address, end: address + shown }]).map(
          (row) => `    ${row.trim()}`,
        ),
        "  backtrace:",
        ...framesOf(stack, mapFrame).map((frame) => `    ${frame}`),
      ];
    })
    .join("\n");
}

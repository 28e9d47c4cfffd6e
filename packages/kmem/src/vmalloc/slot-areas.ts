import { Header } from "../memory/layout.ts";
import { type EngineContext, EngineLock } from "../pages/engine-lock.ts";
import { type Range, rangesOf } from "../vmem/ranges.ts";
import { areaWord, kindOfArea, readArea, slotOfArea, type VmArea } from "./areas.ts";
import { ARENA_OFFSET, VmAreaKind, type VmAreaKindValue, VmAreaRecord } from "./layout.ts";
import { repairVirtualMemory, rootsOf } from "./repair.ts";

/** The areas of a slot. O(frames + areas). */
export function areasOfSlot(context: EngineContext, slot: number): VmArea[] {
  const lock = new EngineLock(context, Header.VMALLOC_LOCK, repairVirtualMemory);
  return lock.within(() => [...rangesOfSlot(context, slot)].map((range) => readArea(context.memory, range)));
}

/**
 * Frees areas of a slot whose thread is gone, those of `vmalloc` with their frames: from the one store on that says so
 * there is no such area, and what it had is given back as after a death. O(frames + areas).
 */
export function freeAreas(context: EngineContext, slot: number, areas: readonly VmArea[]): void {
  changeAreas(context, slot, areas, () => VmAreaKind.NONE);
}

/** Makes areas of a slot another slot's. O(frames + areas). */
export function giveAreas(context: EngineContext, slot: number, areas: readonly VmArea[], to: number): void {
  changeAreas(context, slot, areas, (kind) => areaWord(kind, to));
}

function changeAreas(
  context: EngineContext,
  slot: number,
  areas: readonly VmArea[],
  change: (kind: VmAreaKindValue) => number,
): void {
  if (areas.length === 0) return;
  const { words } = context.memory;
  const wanted = new Set(areas.map(({ address }) => address));
  new EngineLock(context, Header.VMALLOC_LOCK, repairVirtualMemory).within(() => {
    for (const range of [...rangesOfSlot(context, slot)]) {
      if (!wanted.has(readArea(context.memory, range).address)) continue;
      const word = range.ownerWord + VmAreaRecord.KIND;
      words[word] = change(kindOfArea(words[word]) as VmAreaKindValue);
    }
    repairVirtualMemory(context);
  });
}

function* rangesOfSlot(context: EngineContext, slot: number): Generator<Range> {
  const { words } = context.memory;
  for (const root of rootsOf(context)) {
    for (const range of rangesOf(context.memory, root + ARENA_OFFSET)) {
      if (!range.isFree && slotOfArea(words[range.ownerWord + VmAreaRecord.KIND]) === slot) yield range;
    }
  }
}

import { ASSERTIONS, assert } from "../memory/assert.ts";
import { clear } from "../memory/clear.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { EngineContext } from "../pages/engine-lock.ts";
import { NO_FRAME, OwnerMark } from "../pages/layout.ts";
import { Vmem } from "../vmem/vmem.ts";
import {
  ARENA_OFFSET,
  ARENA_RECORDS_OFFSET,
  DIRECTORY_PAGE_BYTES,
  VIRTUAL_PER_REAL,
  VM_AREA_WORDS,
  VMALLOC_MAGIC,
  VMALLOC_RUN,
  VmallocRoot,
} from "./layout.ts";

/** Makes the root page, the directory and the arena, and anchors them; false, with nothing changed, without pages. */
export function createRoot(context: EngineContext, anchorAddress: number): boolean {
  const { memory, geometry, pages } = context;
  const directoryPages = Math.ceil((geometry.limitFrame * PAGE_SIZE * VIRTUAL_PER_REAL) / DIRECTORY_PAGE_BYTES);
  const rootFrame = pages.allocate(1, VMALLOC_RUN);
  if (rootFrame === NO_FRAME) return false;
  const directoryFrame = pages.allocate(directoryPages, VMALLOC_RUN);
  if (directoryFrame === NO_FRAME) {
    pages.free(rootFrame, 1, VMALLOC_RUN);
    return false;
  }
  const rootAddress = rootFrame * PAGE_SIZE;
  clear(memory, geometry, rootAddress, PAGE_SIZE);
  clear(memory, geometry, directoryFrame * PAGE_SIZE, directoryPages * PAGE_SIZE);
  const root = rootAddress >>> WORD_SHIFT;
  memory.words[root + VmallocRoot.DIRECTORY] = directoryFrame * PAGE_SIZE;
  memory.words[root + VmallocRoot.DIRECTORY_PAGES] = directoryPages;
  const arena = Vmem.create(memory, rootAddress + ARENA_OFFSET, { ownerWords: VM_AREA_WORDS });
  arena.addTable(rootAddress + ARENA_RECORDS_OFFSET, PAGE_SIZE - ARENA_RECORDS_OFFSET);
  arena.addSpan(0, (directoryPages * DIRECTORY_PAGE_BYTES) / PAGE_SIZE);
  memory.words[root + VmallocRoot.ANCHOR] = anchorAddress;
  memory.words[root + VmallocRoot.MAGIC] = VMALLOC_MAGIC;
  pages.frames.setOwner(rootFrame, OwnerMark.VMALLOC_ROOT);
  memory.words[anchorAddress >>> WORD_SHIFT] = rootAddress;
  return true;
}

/** Opens the arena of a root page; it takes another page whenever its records run out. */
export function openArena({ memory, pages }: EngineContext, rootAddress: number): Vmem {
  const arena = Vmem.attach(memory, rootAddress + ARENA_OFFSET, () => {
    const frame = pages.allocate(1, VMALLOC_RUN);
    if (frame === NO_FRAME) return false;
    arena.addTable(frame * PAGE_SIZE, PAGE_SIZE);
    memory.words[(rootAddress >>> WORD_SHIFT) + VmallocRoot.RECORD_PAGES]++;
    return true;
  });
  return arena;
}

/** Frees the pages of an arena without areas, the directory and the root page, and clears the anchor. */
export function destroyRoot({ memory, pages }: EngineContext, anchorAddress: number, arena: Vmem): void {
  const { words } = memory;
  const rootAddress = words[anchorAddress >>> WORD_SHIFT] >>> 0;
  const root = rootAddress >>> WORD_SHIFT;
  if (ASSERTIONS) assert(arena.freeUnits === arena.totalUnits, "virtual memory that is destroyed has no areas");
  const tables = [...arena.tables()].filter((table) => table !== rootAddress + ARENA_RECORDS_OFFSET);
  const directory = words[root + VmallocRoot.DIRECTORY] >>> 0;
  const directoryPages = words[root + VmallocRoot.DIRECTORY_PAGES];
  words[anchorAddress >>> WORD_SHIFT] = 0;
  words[root + VmallocRoot.MAGIC] = 0;
  pages.freeExclusive(rootAddress / PAGE_SIZE, 1);
  for (const table of tables) pages.free(table / PAGE_SIZE, 1, VMALLOC_RUN);
  pages.free(directory / PAGE_SIZE, directoryPages, VMALLOC_RUN);
}

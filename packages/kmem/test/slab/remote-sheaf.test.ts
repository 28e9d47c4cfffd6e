import { expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap } from "../../src/index.ts";
import { DEFAULT_SHAPES } from "../../src/memory/header.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../../src/memory/layout.ts";
import { FrameKind } from "../../src/pages/layout.ts";
import { AreaWord } from "../../src/slab/layout.ts";
import { classBytes, slabShape } from "../../src/slab/size-classes.ts";

it.each(["a closed top", "a top far away", "a top below"])("a remote sheaf ends at its room, with %s", (damage) => {
  const heap = Heap.create({ sizeBytes: 2 ** 20 });
  const { memory, sheaves } = layersOf(heap);
  const { words } = memory;
  const run = heap.pages.alloc(64);
  words.fill(0x55, run >>> WORD_SHIFT, (run + 64 * PAGE_SIZE) >>> WORD_SHIFT);
  const { areaWord, remoteSheaves } = sheaves;
  words[areaWord + AreaWord.REMOTE_PAGES] = run;
  const tops = {
    "a closed top": areaWord + AreaWord.DUMMY_SHEAF,
    "a top far away": words.length - 1,
    "a top below": 0,
  };
  for (const index of [0, 5]) {
    const kind = FrameKind.FIRST_CACHE + index;
    words[areaWord + AreaWord.REMOTE_TOPS + kind] = tops[damage as keyof typeof tops];
    const { capacity } = slabShape(classBytes(index), DEFAULT_SHAPES);
    expect(remoteSheaves.count(kind)).toBe(damage === "a top below" ? 0 : capacity);
    expect(remoteSheaves.entries(kind).length).toBe(remoteSheaves.count(kind));
  }
});

import { expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { checkHeap, Heap } from "../../src/index.ts";
import { FrameKind, FrameRecord, PAGE_SIZE } from "../../src/layout.ts";
import { RunOwner } from "../../src/pages/layout.ts";
import { rebuildZones } from "../../src/pages/rebuild.ts";
import { MIB } from "../support/memories.ts";

it.each([
  ["a run", 0],
  ["a run that was being split", RunOwner.SPLIT],
])("ends %s where the heap ends, whatever a stray write has made of its COUNT", (_what, ownerBits) => {
  const heap = Heap.create({ sizeBytes: MIB });
  const { memory, geometry, pages } = layersOf(heap);
  const address = heap.pages.alloc(3);
  const block = heap.alloc(20_000);
  const bytes = new Uint8Array(heap.buffer);
  // What follows the table of kinds looks like frames that are free.
  bytes.fill(FrameKind.FREE_TAIL, block, block + 20_000);
  const frame = address / PAGE_SIZE;
  memory.words[pages.frames.record(frame) + FrameRecord.COUNT] = MIB;
  if (ownerBits !== 0) pages.frames.setOwner(frame, RunOwner.OWNER_BIT | ownerBits);
  rebuildZones(pages, geometry);
  expect(bytes.subarray(block, block + 20_000).every((byte) => byte === FrameKind.FREE_TAIL)).toBe(true);
  expect(checkHeap(heap).isClean).toBe(false);
});

// The library as it is published, on the Node that runs this file: `npm test` runs it on the machine's own, which may be
// as old as 20.

import assert from "node:assert/strict";
import { version } from "node:process";
import { blocksOf, checkHeap, dumpHeap, Heap, heapStats, KmemError, loadDump, OutOfMemoryError, PAGE_SIZE } from "kmem";
import { CLASS_COUNT, classBytes } from "kmem/layout";

const MIB = 1024 * 1024;

/** @type {[string, import("kmem").HeapOptions][]} */
const kinds = [
  ["SharedArrayBuffer", {}],
  ["ArrayBuffer", { sizeBytes: 8 * MIB, shared: false }],
  ["growing shared WebAssembly.Memory", { sizeBytes: MIB, maximumBytes: 32 * MIB }],
  ["growing WebAssembly.Memory", { sizeBytes: MIB, maximumBytes: 32 * MIB, shared: false }],
  ["part of a SharedArrayBuffer", { memory: new SharedArrayBuffer(8 * MIB), start: 70_001, end: 7 * MIB }],
  ["two zones", { sizeBytes: 8 * MIB, dmaBytes: MIB }],
];

/**
 * @param {Heap} heap
 * @param {string} when
 */
function assertClean(heap, when) {
  assert.deepEqual(checkHeap(heap).findings, [], when);
}

/**
 * @param {() => unknown} action
 * @param {string} code
 */
function assertRefused(action, code) {
  assert.throws(action, (error) => error instanceof KmemError && error.code === code);
}

/**
 * Blocks of every class and of pages: made, grown, shrunk, cleared, freed.
 * @param {Heap} heap
 */
function exerciseBlocks(heap) {
  const sizes = [0, ...Array.from({ length: CLASS_COUNT }, (_, index) => classBytes(index)), 40_000, 300_000];
  const blocks = sizes.map((size) => heap.alloc(size));
  assert.equal(new Set(blocks).size, sizes.length);
  for (const [index, block] of blocks.entries()) {
    assert.equal(block % 16, 0);
    heap.u8(block).fill(index);
  }
  assert.equal([...blocksOf(heap)].length, sizes.length);
  for (const [index, block] of blocks.entries()) {
    const kept = Math.min(heap.usableSize(block), 16);
    const moved = heap.realloc(block, (sizes[index] ?? 0) * 3 + 1);
    assert.ok(heap.u8(moved, kept).every((byte) => byte === index));
    heap.free(index % 2 === 0 ? heap.realloc(moved, 1) : moved);
  }
  const cleared = heap.calloc(1000, 5);
  assert.ok(heap.u8(cleared, 5000).every((byte) => byte === 0));
  heap.f64(cleared, 10)[9] = 0.5;
  assert.equal(heap.f64(cleared)[9], 0.5);
  const aligned = heap.alignedAlloc(65_536, 100);
  assert.equal(aligned % 65_536, 0);
  heap.free(cleared);
  heap.free(aligned);
  assertRefused(() => heap.free(aligned), "DOUBLE_FREE");
  assertRefused(() => heap.free(0xffff_fff0), "INVALID_FREE");
  assertRefused(() => heap.alloc(Number.NaN), "BAD_SIZE");
}

/**
 * Caches, pages and running out of memory.
 * @param {Heap} heap
 */
function exerciseLayers(heap) {
  const cache = heap.createCache({ name: "objects", sizeBytes: 100, alignmentBytes: 64 });
  const objects = Array.from({ length: 500 }, () => cache.alloc());
  assertRefused(() => cache.destroy(), "CACHE_BUSY");
  for (const object of objects) cache.free(object);
  cache.destroy();

  const run = heap.pages.alloc(7);
  heap.pages.free(run + 2 * PAGE_SIZE, 3);
  heap.pages.free(run, 2);
  heap.pages.free(run + 5 * PAGE_SIZE, 2);

  const blocks = [];
  for (let block = heap.tryAlloc(100_000); block !== 0; block = heap.tryAlloc(100_000)) blocks.push(block);
  assert.throws(() => heap.alloc(100_000), OutOfMemoryError);
  for (const block of blocks) heap.free(block);
}

/**
 * A second Heap over the same memory, and a copy of it in another.
 * @param {Heap} heap
 */
function exerciseCopies(heap) {
  const block = heap.alloc(1000);
  heap.u32(block)[7] = 0xfeed;
  const attached = Heap.attach(heap.source, { start: heapStats(heap).startAddress });
  const loaded = loadDump(dumpHeap(heap));
  for (const other of [attached, loaded]) {
    assert.equal(other.u32(block)[7], 0xfeed);
    assertClean(other, "a copy");
  }
  attached.free(block);
  loaded.free(block);
}

for (const [name, options] of kinds) {
  const heap = Heap.create(options);
  exerciseBlocks(heap);
  assertClean(heap, `blocks in ${name}`);
  exerciseLayers(heap);
  assertClean(heap, `layers in ${name}`);
  exerciseCopies(heap);
  heap.trim();
  assertClean(heap, `the end in ${name}`);
  assert.equal(heapStats(heap).liveBlocks, 0);
  assert.equal(heapStats(heap).bytes.freeSlabBytes + heapStats(heap).bytes.sheafBytes, 0);
}
console.log(`  Node ${version}: the library works over ${kinds.length} kinds of memory`);

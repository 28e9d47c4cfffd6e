import { afterEach, describe, expect, it, vi } from "vitest";
import { SampledHeap } from "../../../src/debug/index.ts";
import { layersOf } from "../../../src/heap/access.ts";
import { checkHeap, Heap } from "../../../src/index.ts";
import { AreaWord } from "../../../src/slab/layout.ts";
import { bindProgram, cMalloc } from "../../../src/wasm/index.ts";
import { type CoreCalls, type CoreMemory, compiledCore, sampledCore } from "../support/core-module.ts";
import { programOver } from "../support/core-program.ts";

const GROWING: CoreMemory = { pages: 24, maximum: 64, isShared: false };
const NEVER = 2 ** 30;

afterEach(() => {
  vi.restoreAllMocks();
});

function sampled(sampleEvery: number, isMerged = true) {
  const { pages: initial, maximum } = GROWING;
  const memory = new WebAssembly.Memory({ initial, maximum });
  const bugs: string[] = [];
  const report = (bug: { readonly title: string }): void => void bugs.push(bug.title);
  const heap = SampledHeap.create({ memory, start: 65_536, slotCount: 1, sampleEvery, report });
  const face = cMalloc(heap);
  const program = programOver(sampledCore(GROWING), memory, face);
  if (isMerged) expect(bindProgram(heap, program.exports)).toBe(true);
  return { memory, heap, bugs, slow: program.slow, calls: isMerged ? program.calls : (face as unknown as CoreCalls) };
}

/** Calls of every function that allocates, some of which the sheaves cannot serve. */
function work(calls: CoreCalls, rounds: number): number[] {
  const blocks: number[] = [];
  for (let round = 0; round < rounds; round++) {
    blocks.push(calls.malloc(16 + (round % 40) * 16), calls.calloc(3, 20), calls.memalign(16, 50));
    const grown = calls.realloc(blocks.shift()!, 700 - (round % 50));
    calls.free(calls.realloc(grown, 40));
    if (round % 10 === 0) calls.free(calls.malloc(50_000));
  }
  return blocks;
}

describe("a program on a SampledHeap, with its paths merged", () => {
  it("serves most calls within the module", () => {
    const { heap, slow, calls } = sampled(NEVER);
    for (let round = 0; round < 3; round++) calls.free(calls.calloc(1, calls.malloc(48) === 0 ? 0 : 48));
    slow.length = 0;
    const blocks = Array.from({ length: 10 }, () => calls.malloc(48));
    for (const block of blocks) calls.free(block);
    calls.free(calls.calloc(4, 12));
    expect(slow).toEqual([]);
    expect(checkHeap(heap).isClean).toBe(true);
  });

  it("counts as the heap's own functions do", () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const sides = [sampled(NEVER), sampled(NEVER, false)];
    const differing = (): number[] => {
      const [one, other] = sides.map(({ heap }) => new Uint32Array(heap.buffer));
      return [...one!.keys()].filter((index) => one![index] !== other![index]);
    };
    const random = differing();
    for (const { calls, heap } of sides) for (const block of work(calls, 300)) heap.free(block);
    expect(sides[0]!.slow.length).toBeGreaterThan(300);
    expect(sides[0]!.slow.length).toBeLessThan(1000);
    expect(random.length).toBeLessThanOrEqual(4);
    expect(differing()).toEqual(random);
  });

  it("samples as often as it is told, and finds what is written past an end and after a free", () => {
    const { heap, bugs, calls } = sampled(20);
    for (let round = 0; round < 20_000; round++) calls.free(calls.malloc(48));
    const { totalAllocations } = heap.samplingStats();
    expect(totalAllocations).toBeGreaterThan(800);
    expect(totalAllocations).toBeLessThan(1250);
    expect(bugs).toEqual([]);
    for (let round = 0; round < 400; round++) {
      const address = calls.malloc(40);
      new Uint8Array(heap.buffer)[address + heap.usableSize(address)] ^= heap.usableSize(address) === 40 ? 1 : 0;
      calls.free(address);
    }
    expect(bugs.length).toBeGreaterThan(5);
    expect(bugs[0]).toContain("overwritten");
    expect(checkHeap(heap).isClean).toBe(true);
  });

  it("samples every allocation where it is told so, and goes on as the memory grows", () => {
    const { memory, heap, calls } = sampled(1);
    const blocks = Array.from({ length: 20 }, () => calls.malloc(100));
    memory.grow(1);
    blocks.push(...Array.from({ length: 20 }, () => calls.calloc(1, 100)));
    expect(heap.samplingStats().totalAllocations).toBe(40);
    expect(blocks.every((block) => heap.usableSize(block) === 100)).toBe(true);
    for (const block of blocks) calls.free(block);
    expect(checkHeap(heap).isClean).toBe(true);
  });
});

describe("the count of a slot", () => {
  it.each([0, -1, -(2 ** 31), -(2 ** 31) + 1])(
    "is set right by the next allocation where a stray write left %i",
    (value) => {
      for (const isMerged of [true, false]) {
        const { heap, calls } = sampled(100, isMerged);
        for (let round = 0; round < 3; round++) calls.free(calls.malloc(48));
        new Int32Array(heap.buffer)[layersOf(heap).sheaves.areaWord + AreaWord.SAMPLE_IN] = value;
        for (let round = 0; round < 2000; round++) calls.free(calls.malloc(48));
        expect(heap.samplingStats().totalAllocations).toBeGreaterThan(5);
      }
    },
  );

  it("is each slot's own, of the threads of a program", () => {
    const shape: CoreMemory = { pages: 40, maximum: 40, isShared: true };
    const memory = new WebAssembly.Memory({ initial: 40, maximum: 40, shared: true });
    const heap = SampledHeap.create({ memory, start: 65_536, slotCount: 2, sampleEvery: NEVER });
    const often = SampledHeap.attach(heap.reserve(), { sampleEvery: 20 });
    const [one, other] = [heap, often].map((each) => {
      const program = programOver(sampledCore(shape), memory, cMalloc(each));
      expect(bindProgram(each, program.exports)).toBe(true);
      return program.calls;
    });
    for (let round = 0; round < 4000; round++) {
      const [block, foreign] = [one!.malloc(48), other!.malloc(48)];
      one!.free(foreign);
      other!.free(block);
    }
    expect(heap.samplingStats().totalAllocations).toBe(0);
    expect(often.samplingStats().totalAllocations).toBeGreaterThan(100);
    expect(checkHeap(heap).isClean).toBe(true);
  });
});

describe("heaps of another kind than the module is for", () => {
  it("are served by the imports", () => {
    const { pages: initial, maximum } = GROWING;
    const memory = new WebAssembly.Memory({ initial, maximum });
    const heap = Heap.create({ memory, start: 65_536, slotCount: 1 });
    expect(bindProgram(heap, programOver(sampledCore(GROWING), memory, cMalloc(heap)).exports)).toBe(false);
    const other = sampled(NEVER, false);
    const replaced = sampled(NEVER, false);
    replaced.heap.alloc = () => 0;
    const itsProgram = programOver(sampledCore(GROWING), replaced.memory, cMalloc(replaced.heap));
    expect(bindProgram(replaced.heap, itsProgram.exports)).toBe(false);
    const { exports } = programOver(compiledCore(GROWING), other.memory, cMalloc(other.heap));
    expect(bindProgram(other.heap, exports)).toBe(false);
  });
});

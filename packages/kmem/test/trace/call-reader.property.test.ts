import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "../../src/index.ts";
import { CallReader, recordHeap, type TraceEvent, TraceKind } from "../../src/trace/index.ts";
import { MIB } from "./support.ts";

interface Step {
  readonly thread: number;
  readonly pick: number;
  readonly isFree: boolean;
  readonly reads: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    thread: fc.nat(2),
    pick: fc.nat(1000),
    isFree: fc.boolean(),
    reads: fc.integer({ min: 0, max: 30 }).map((number) => number === 0),
  }),
  { maxLength: 400 },
);

/** Plays events; the blocks that are live in the end, by address. Throws where one could not have happened. */
function play(events: readonly TraceEvent[], known: ReadonlySet<number>): Map<number, number> {
  const live = new Map<number, number>([...known].map((address) => [address, 0]));
  for (const { kind, ptr, bytesReq } of events) {
    if (kind === TraceKind.KMALLOC) {
      if (live.has(ptr)) throw new Error(`${ptr} is made twice`);
      live.set(ptr, bytesReq);
    } else if (!live.delete(ptr)) throw new Error(`${ptr} is freed and was not made`);
  }
  return live;
}

describe("the calls of several threads", () => {
  it("are merged as they happened: each block is made before it is freed, whoever does either", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const heap = Heap.create({ sizeBytes: MIB, slotCount: 4 });
        const heaps = [heap, Heap.attach(heap.reserve()), Heap.attach(heap.reserve())];
        const known = new Set(Array.from({ length: 5 }, () => heap.alloc(50)));
        const live = new Map<number, number>([...known].map((address) => [address, 0]));
        const recordings = heaps.map((one) => recordHeap(one, { callCount: 1000 })!);
        const expected = heaps.map((): number[] => []);
        const reader = new CallReader(heap);
        const events: TraceEvent[] = [];
        for (const { thread, pick, isFree, reads } of all) {
          const one = heaps[thread]!;
          if (isFree && live.size > 0) {
            const address = [...live.keys()][pick % live.size]!;
            one.free(address);
            live.delete(address);
            expected[thread]!.push(address);
          } else {
            const address = one.alloc(pick);
            live.set(address, pick);
            expected[thread]!.push(address);
          }
          if (reads) events.push(...reader.read());
        }
        for (const recording of recordings) recording.stop();
        events.push(...reader.read({ isLast: true }));
        expect(play(events, known)).toEqual(live);
        for (const [thread, { slot }] of heaps.entries()) {
          expect(events.filter((event) => event.slot === slot).map(({ ptr }) => ptr)).toEqual(expected[thread]);
        }
        expect(reader.lostCount).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("are shown even where the allocation that one waits for was lost", () => {
    const heap = Heap.create({ sizeBytes: MIB, slotCount: 4 });
    const other = Heap.attach(heap.reserve());
    const recordings = [recordHeap(heap, { callCount: 1000 })!, recordHeap(other, { callCount: 1 })!];
    const address = other.alloc(64);
    for (let count = 0; count < 1000; count++) other.free(other.alloc(100));
    heap.free(address);
    for (const recording of recordings) recording.stop();
    const reader = new CallReader(heap);
    const events = reader.read({ isLast: true });
    expect(events.filter(({ ptr }) => ptr === address)).toHaveLength(1);
    expect(events.length + reader.lostCount).toBe(2002);
  });
});

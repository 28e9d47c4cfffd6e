// Real threads that write to one ring while another reads it, and threads that are killed while they write.
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { blocksOf, Heap, reapSlot } from "../../src/index.ts";
import {
  CallReader,
  createTraceRing,
  type TraceEvent,
  TraceKind,
  TraceReader,
  type TraceRing,
} from "../../src/trace/index.ts";
import { expectClean } from "../support/expectations.ts";
import type { RecordingOrders } from "./recording-worker.ts";
import { MIB, NUMBERS_APART, numberOf, writeNumber } from "./support.ts";
import type { WriterOrders } from "./writer-worker.ts";

const WORKER = new URL("./writer-worker.ts", import.meta.url);
const CAPACITY = 64;
const WRITERS: readonly number[] = [1, 2, 3];
/** Events of each writer that are read before all stop. */
const READ_OF_EACH = 1000;
const READS_IN_A_ROW = 100;
const KILLS = 10;

/** Starts a writer; resolves when it begins to write. */
async function startWriter(orders: WriterOrders): Promise<Worker> {
  const worker = new Worker(WORKER, { workerData: orders });
  await once(worker, "message");
  return worker;
}

/** Verifies that events are whole, in order, and that those of one slot are one writer's; counts them by writer. */
class Auditor {
  readonly counts = new Map<number, number>();
  readonly #slots = new Map<number, number>();

  audit(events: readonly TraceEvent[]): void {
    let before = -1;
    for (const event of events) {
      expect(event.number).toBeGreaterThan(before);
      before = event.number;
      const writer = Math.floor(numberOf(event) / NUMBERS_APART);
      const slot = this.#slots.get(writer) ?? event.slot;
      this.#slots.set(writer, slot);
      expect(event.slot).toBe(slot);
      this.counts.set(writer, this.countOf(writer) + 1);
    }
  }

  countOf(writer: number): number {
    return this.counts.get(writer) ?? 0;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }
}

describe("threads that write to one ring", () => {
  it("never show a torn event to the thread that reads, and none is unaccounted for", async () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const ring = createTraceRing(heap, CAPACITY) as TraceRing;
    const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const orders = { handle: heap.handle, address: ring.address, stop };
    const workers = await Promise.all(
      WRITERS.map((writer) => startWriter({ ...orders, firstNumber: writer * NUMBERS_APART })),
    );
    const counted = Promise.all(workers.map((worker) => once(worker, "message")));
    const reader = new TraceReader(ring);
    const auditor = new Auditor();
    while (WRITERS.some((writer) => auditor.countOf(writer) < READ_OF_EACH)) {
      for (let turn = 0; turn < READS_IN_A_ROW; turn++) auditor.audit(reader.read());
      await setImmediate();
    }
    Atomics.store(new Int32Array(stop), 0, 1);
    const begun = (await counted).reduce((sum, [count]) => sum + (count as number), 0);
    auditor.audit(reader.read());
    expect(auditor.total + reader.lostCount + reader.pendingCount).toBe(begun);
    await Promise.all(workers.map((worker) => worker.terminate()));
    expectClean(heap);
  });

  it("may be killed at any store: what they left is passed over, and their places are had again", async () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const ring = createTraceRing(heap, CAPACITY) as TraceRing;
    const reader = new TraceReader(ring);
    const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const all = Array.from({ length: CAPACITY }, (_, number) => number);
    for (let kill = 1; kill <= KILLS; kill++) {
      const handle = heap.reserve();
      const auditor = new Auditor();
      const firstNumber = kill * NUMBERS_APART;
      const worker = await startWriter({ handle, address: ring.address, firstNumber, stop });
      while (auditor.total === 0) auditor.audit(reader.read());
      await worker.terminate();
      auditor.audit(reader.read());
      reapSlot(heap, handle.place?.slot ?? 0, { blocks: "free" });
      for (const number of all) writeNumber(ring, number);
      expect(reader.read().map(numberOf)).toEqual(all);
      expect(reader.pendingCount).toBe(0);
    }
    expectClean(heap);
  });
});

describe("threads that are recorded", () => {
  it("leave logs that together say which blocks are live, though each frees what others have made", async () => {
    const heap = Heap.create({ sizeBytes: 8 * MIB });
    const places = new SharedArrayBuffer(32 * Int32Array.BYTES_PER_ELEMENT);
    const recorder = new URL("./recording-worker.ts", import.meta.url);
    const workers = WRITERS.map((seed) => {
      const orders: RecordingOrders = { handle: heap.handle, places, swapCount: 5000, callCount: 2 ** 14, seed };
      return new Worker(recorder, { workerData: orders });
    });
    const reader = new CallReader(heap);
    const events: TraceEvent[] = [];
    const answers = workers.map((worker) => once(worker, "message"));
    let areRunning = true;
    const all = Promise.all(answers).finally(() => {
      areRunning = false;
    });
    for (; areRunning; await setImmediate()) events.push(...reader.read());
    expect(await all).toEqual(WRITERS.map(() => [true]));
    events.push(...reader.read({ isLast: true }));
    expect([events.length, reader.lostCount]).toEqual([WRITERS.length * 10_000 - places.byteLength / 4, 0]);
    const live = new Map<number, number>();
    for (const { kind, ptr, bytesReq } of events) {
      if (kind === TraceKind.KMALLOC) {
        expect(live.has(ptr)).toBe(false);
        live.set(ptr, bytesReq);
      } else expect(live.delete(ptr)).toBe(true);
    }
    const blocks = [...blocksOf(heap)].map(({ address }) => address);
    expect([...live.keys()].toSorted((a, b) => a - b)).toEqual(blocks.toSorted((a, b) => a - b));
    expectClean(heap);
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
});

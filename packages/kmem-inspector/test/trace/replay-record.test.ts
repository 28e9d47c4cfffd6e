import { PAGE_SIZE } from "kmem";
import { OP, WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import { describe, expect, it } from "vitest";
import { Random } from "../../../kmem/test/support/random.ts";
import { ReplayRecord } from "../../src/trace/replay-record.ts";
import { CHUNK_EVENTS } from "../../src/trace/trace-store.ts";

/** What is live after some events, counted block by block. */
interface Moment {
  readonly event: number;
  readonly pages: readonly number[];
  readonly liveBytes: number;
  readonly footprintBytes: number;
}

const SLOTS = 50;
const MEMORY_BYTES = 40 * PAGE_SIZE;

/** Blocks of some slots that come, move and go at addresses by chance, and what was live now and then. */
function recorded(eventCount: number, markBytesMax?: number): { record: ReplayRecord; moments: Moment[] } {
  const random = new Random(3);
  const chunkCount = Math.ceil(eventCount / CHUNK_EVENTS);
  const chunks = Array.from({ length: chunkCount }, () => new Uint32Array(CHUNK_EVENTS * WORDS_PER_OP));
  const record = new ReplayRecord(chunks, markBytesMax);
  const blocks = new Map<number, readonly [address: number, bytes: number]>();
  const moments: Moment[] = [];
  const noteMoment = (event: number, footprintBytes: number): void => {
    const pages: number[] = [];
    for (const [address, bytes] of blocks.values()) {
      const [first, last] = [address, address + bytes - 1].map((at) => Math.floor(at / PAGE_SIZE));
      for (let page = first!; page <= last!; page++) {
        const [from, end] = [Math.max(address, page * PAGE_SIZE), Math.min(address + bytes, (page + 1) * PAGE_SIZE)];
        pages[page] = (pages[page] ?? 0) + end - from;
      }
    }
    const liveBytes = [...blocks.values()].reduce((sum, [, bytes]) => sum + bytes, 0);
    moments.push({ event, pages: Array.from(pages, (bytes = 0) => bytes), liveBytes, footprintBytes });
  };
  for (let event = 0; event < eventCount; event++) {
    const slot = random.below(SLOTS);
    const [former, bytes] = blocks.get(slot) ?? [0, 0];
    const size = 1 + random.below(3 * PAGE_SIZE);
    const isFailure = random.below(20) === 0;
    const address = isFailure ? 0 : PAGE_SIZE + random.below(MEMORY_BYTES);
    const code = former === 0 ? OP.MALLOC : random.below(3) === 0 ? OP.REALLOC : OP.FREE;
    const words = chunks[Math.floor(event / CHUNK_EVENTS)]!;
    words.set([code, slot, code === OP.FREE ? bytes : size, bytes], (event % CHUNK_EVENTS) * WORDS_PER_OP);
    const footprintBytes = (1 + Math.floor(event / 700)) * PAGE_SIZE;
    if (code === OP.FREE || isFailure) blocks.delete(slot);
    else blocks.set(slot, [address, size]);
    record.note(former, code === OP.FREE ? former : address, footprintBytes);
    if (event % 997 === 0 || event === eventCount - 1) noteMoment(event + 1, footprintBytes);
  }
  return { record, moments };
}

describe("the record of a replay", () => {
  it.each([
    ["few copies", 1],
    ["as many copies as there is room for", undefined],
  ])("counts what is live in each page after any event: %s", (_name, markBytesMax) => {
    const { record, moments } = recorded(70_000, markBytesMax);
    for (const { event, pages, liveBytes, footprintBytes } of moments.toReversed()) {
      const found = record.at(event);
      expect([event, [...found.pages]]).toEqual([event, pages]);
      expect([event, found.liveBytes, found.footprintBytes]).toEqual([event, liveBytes, footprintBytes]);
    }
    expect([...record.at(0).pages]).toEqual([]);
    expect(record.peakFootprintBytes).toBe(moments.at(-1)!.footprintBytes);
  });
});

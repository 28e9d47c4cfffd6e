import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTrace } from "../../src/forms/read-trace.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import { OpModel } from "../trace/op-model.ts";
import { EventList } from "./support.ts";

const folder = join(import.meta.dirname, "samples");

/** What samples/program.c calls: 40 malloc, 20 calloc, 10 realloc, 1 memalign; 53 free of which it leaves 8 blocks. */
const CALLS = { allocations: 40 + 20 + 1, reallocs: 10, frees: 53, blocksLeft: 8 };
/** Of libstdc++, which heaptrack brings into the process: a block that is there until the end. */
const HEAPTRACK_EXTRA_BYTES = 72_704;

async function read(name: string) {
  const stream = new EventStream(true);
  const sink = new EventList(stream);
  const { summary } = await readTrace(join(folder, name), sink, stream);
  if (summary.format !== "native") throw new Error(`taken for ${summary.form}`);
  expect(summary.broken).toEqual({ count: 0, countByReason: {}, first: [] });
  const model = new OpModel().replay(sink.events.map(({ op }) => op));
  expect(model.peakLiveBytes).toBe(summary.live.peakLiveBytes);
  return { summary, events: sink.events };
}

describe("what real tools recorded of one program", () => {
  it.each(["mtrace.txt", "ltrace.txt", "valgrind.txt"])("%s has every call, matched", async (name) => {
    const { summary } = await read(name);
    const { events, frees, live } = summary;
    const allocations = (events["malloc"] ?? 0) + (events["calloc"] ?? 0) + (events["aligned_alloc"] ?? 0);
    expect(allocations).toBe(CALLS.allocations);
    expect(events["realloc"]).toBe(CALLS.reallocs);
    expect(frees).toMatchObject({ freeCount: CALLS.frees, matchedCount: CALLS.frees, unknownCount: 0 });
    expect(live.liveBlockCountAtEnd).toBe(CALLS.blocksLeft);
  });

  it("all three agree on the bytes", async () => {
    const [first, ...others] = await Promise.all(
      ["mtrace.txt", "ltrace.txt", "valgrind.txt"].map(async (name) => (await read(name)).summary.live),
    );
    for (const other of others) expect(other).toEqual(first);
  });

  it("valgrind's own sums are the same", async () => {
    const { summary } = await read("valgrind.txt");
    const text = readFileSync(join(folder, "valgrind.txt"), "utf8");
    const [, allocs, frees, bytes] = /total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes/
      .exec(text)!
      .map((part) => Number(part.replaceAll(",", "")));
    const reallocs = summary.events["realloc"]!;
    expect(CALLS.allocations + reallocs).toBe(allocs);
    expect(summary.frees.matchedCount + reallocs).toBe(frees);
    expect(summary.live.requestedBytes).toBe(bytes);
    const [, exitBytes, exitBlocks] = /in use at exit: ([\d,]+) bytes in ([\d,]+) blocks/.exec(text)!;
    expect(summary.live.liveBytesAtEnd).toBe(Number(exitBytes!.replaceAll(",", "")));
    expect(summary.live.liveBlockCountAtEnd).toBe(Number(exitBlocks));
  });

  it.each(["heaptrack.zst", "heaptrack-raw.zst"])("%s has every call, with its stack", async (name) => {
    const { summary, events } = await read(name);
    // heaptrack writes a realloc as a free and an allocation.
    expect(summary.events["malloc"]).toBe(CALLS.allocations + CALLS.reallocs);
    expect(summary.frees.matchedCount).toBe(CALLS.frees + CALLS.reallocs);
    expect(summary.live.liveBlockCountAtEnd).toBe(CALLS.blocksLeft);
    const mtrace = (await read("mtrace.txt")).summary.live;
    expect(summary.live.liveBytesAtEnd).toBe(mtrace.liveBytesAtEnd);
    expect(summary.live.requestedBytes).toBeLessThanOrEqual(mtrace.requestedBytes + HEAPTRACK_EXTRA_BYTES);
    expect(events.every(({ frames }) => frames.length > 0)).toBe(true);
    if (name === "heaptrack.zst") {
      expect(events.filter(({ frames }) => frames[0]!.startsWith("make ("))).not.toEqual([]);
      expect(events.some(({ frames }) => frames[1]?.startsWith("main (") === true)).toBe(true);
    }
  });

  it("names call sites of mtrace and threads of ltrace", async () => {
    expect((await read("mtrace.txt")).events[0]!.frames[0]).toMatch(/^\.\/program:/);
    expect((await read("ltrace.txt")).events[0]!.thread).toMatch(/^\d+$/);
  });
});

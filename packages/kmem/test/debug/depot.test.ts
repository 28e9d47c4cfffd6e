import { once } from "node:events";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { layersOf } from "../../src/heap/access.ts";
import { checkHeap, dumpHeap } from "../../src/index.ts";
import { RunKind } from "../../src/pages/layout.ts";
import { MIB } from "../support/memories.ts";
import { Bench } from "./bench.ts";
import { depotOf } from "./depot-of.ts";

describe("a depot of stacks", () => {
  it("keeps each text once, for whoever asks", () => {
    const { heap } = new Bench();
    const [first, second] = [depotOf(heap), depotOf(heap)];
    const id = first.idOf("at a\nat b");
    expect(second.idOf("at a\nat b")).toBe(id);
    expect(second.idOf("at a")).not.toBe(id);
    expect(first.stackCount).toBe(2);
    expect(second.textOf(id)).toBe("at a\nat b");
  });

  it("gives back any text, the empty one and those beyond ASCII too", () => {
    const { heap } = new Bench();
    const depot = depotOf(heap);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(depotOf(heap).textOf(depot.idOf(text))).toBe(text);
      }),
    );
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("has no text for what is no id", () => {
    const { heap } = new Bench();
    const depot = depotOf(heap);
    const id = depot.idOf("at a");
    for (const other of [0, 1, id + 1, 4, 2 ** 32 - 4, heap.alloc(100)]) expect(depot.textOf(other)).toBe("");
  });

  it("takes no text that is larger than its pages, nor any when there are no pages", () => {
    const bench = new Bench();
    const { heap } = bench;
    expect(depotOf(heap).idOf("x".repeat(20_000))).toBe(0);
    const { pages } = layersOf(heap);
    do while (pages.allocate(1, RunKind.PAGES) > 0);
    while (pages.drainCache() > 0);
    expect(depotOf(heap).idOf("at nowhere")).toBe(0);
    expect(depotOf(heap).stackCount).toBe(0);
  });

  it("survives a dump", () => {
    const { heap } = new Bench({ shared: false });
    const id = depotOf(heap).idOf("at a");
    expect(depotOf(DebugHeap.load(dumpHeap(heap))).textOf(id)).toBe("at a");
  });

  it("is one for two threads that fill it at once", async () => {
    const { heap } = new Bench({ sizeBytes: 8 * MIB });
    const texts = Array.from({ length: 3000 }, (_, index) => `at function${index} (${"x".repeat(index % 90)})`);
    const threads = [texts, [...texts].reverse()].map(
      (order) =>
        new Worker(new URL("./depot-worker.ts", import.meta.url), {
          workerData: { handle: heap.handle, texts: order },
        }),
    );
    const results = await Promise.all(threads.map((thread) => once(thread, "message")));
    await Promise.all(threads.map((thread) => thread.terminate()));
    const [forwards, backwards] = results.map(([ids]) => ids as number[]) as [number[], number[]];
    expect([...backwards].reverse()).toEqual(forwards);
    const depot = depotOf(heap);
    expect(forwards.map((id) => depot.textOf(id))).toEqual(texts);
    expect(depot.stackCount).toBe(texts.length);
    expect(checkHeap(heap).findings).toEqual([]);
  });
});

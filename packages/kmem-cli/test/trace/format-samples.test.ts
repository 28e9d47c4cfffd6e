import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KERNEL_EVENT_NAMES } from "../../src/trace/kernel-events.ts";
import { OpModel } from "./op-model.ts";
import { type KernelResult, readKernelChunks, SHARED_TRACES, SHARED_TRACES_MISSING, untar } from "./support.ts";

/** Samples in which trace_pipe itself dropped the ends of lines, and how many lines they tear. */
const TORN: Readonly<Record<string, number>> = { "6.12/trace_pipe.txt": 65, "7.2/trace_pipe.txt": 63 };
const LOST: Readonly<Record<string, number>> = {
  "6.1/trace_pipe_lost.txt": 19005,
  "6.12/trace_pipe_lost.txt": 21859,
  "7.2/trace_pipe_lost.txt": 19799,
};
const CHUNK_BYTES = 10_007;

/** Counts events the slow way: by one expression for all forms of line. */
function countByExpression(text: string): Record<string, number> {
  const names = KERNEL_EVENT_NAMES.join("|");
  const event = new RegExp(`(?:^|[0-9*#!+@$ ]: +)(?:kmem:)?(${names}): `);
  const counts: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const name = line.startsWith("#") ? undefined : event.exec(line)?.[1];
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function readSample(path: string): KernelResult {
  const bytes = new Uint8Array(readFileSync(path));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(bytes.subarray(at, at + CHUNK_BYTES));
  return readKernelChunks(chunks);
}

function ownEvents(result: KernelResult): Record<string, number> {
  return Object.fromEntries(Object.entries(result.counts.events).filter(([name]) => KERNEL_EVENT_NAMES.includes(name)));
}

describe("samples of every form that kernels 6.1, 6.12 and 7.2 print", () => {
  let directory = "";
  let missing = SHARED_TRACES_MISSING;
  let samples: string[] = [];

  beforeAll(() => {
    if (missing !== undefined) return;
    directory = mkdtempSync(join(tmpdir(), "kmem-samples-"));
    const failure = untar(join(SHARED_TRACES, "kernel", "format-samples.tar.xz"), directory);
    if (failure !== undefined) missing = `the samples cannot be unpacked: ${failure}`;
    samples = globSync(join(directory, "**", "*.txt"));
  });

  afterAll(() => {
    if (directory !== "") rmSync(directory, { recursive: true, force: true });
  });

  function named(path: string): string {
    return `${basename(dirname(path))}/${basename(path)}`;
  }

  it("has every whole line understood, and each torn line reported", ({ skip }) => {
    skip(missing !== undefined, missing);
    const traces = samples.filter((path) => !basename(path).startsWith("hist_"));
    expect(traces.length).toBeGreaterThan(60);
    for (const path of traces) {
      const name = named(path);
      const result = readSample(path);
      const { lines } = result.counts;
      expect([name, result.broken.count]).toEqual([name, TORN[name] ?? 0]);
      expect([name, result.counts.lostEventCount]).toEqual([name, LOST[name] ?? 0]);
      const { total, ranOn, ...kinds } = lines;
      const sorted = Object.values(kinds).reduce((sum, count) => sum + count, 0);
      expect([name, total + ranOn]).toEqual([name, sorted + result.broken.count]);
      if (TORN[name] === undefined) {
        expect([name, ownEvents(result)]).toEqual([name, countByExpression(readFileSync(path, "latin1"))]);
      }
      new OpModel().replay(result.ops);
    }
  });

  it("gives the same operations for one trace printed with different options", ({ skip }) => {
    skip(missing !== undefined, missing);
    for (const kernel of ["6.1", "6.12", "7.2"]) {
      const [first, second] = ["hash_ptr_0.txt", "hash_ptr_1.txt"].map((name) => {
        const path = samples.find((sample) => named(sample) === `${kernel}/${name}`);
        return readSample(path ?? "").ops;
      });
      expect(first?.length).toBeGreaterThan(1000);
      expect(first).toEqual(second);
    }
  });

  it("takes a histogram for no trace", ({ skip }) => {
    skip(missing !== undefined, missing);
    const histograms = samples.filter((path) => basename(path).startsWith("hist_"));
    expect(histograms).toHaveLength(3);
    for (const path of histograms) {
      const result = readSample(path);
      expect(result.ops).toEqual([]);
      expect(result.counts.unread).toMatchObject([{ name: "a histogram of ftrace" }]);
      expect(result.counts.lines.kmemEvent + result.counts.lines.otherEvent).toBe(0);
    }
  });
});

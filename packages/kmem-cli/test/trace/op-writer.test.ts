import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OpReader } from "../../src/trace/op-reader.ts";
import { OP, OPS_MAGIC, type OpTotals, opFileBytes } from "../../src/trace/op-stream.ts";
import { OpWriter } from "../../src/trace/op-writer.ts";
import { type OpTuple, readOps, withTempDir } from "./support.ts";

const TOTALS: OpTotals = {
  kind: "malloc",
  slotCount: 2,
  peakLiveBytes: 100,
  peakLiveBlockCount: 2,
  requestedBytes: 200,
};

describe("OpWriter", () => {
  it("writes what OpReader reads, over more than one buffer", async () => {
    await withTempDir((directory) => {
      const path = join(directory, "trace.ops");
      const writer = new OpWriter(path);
      const ops = Array.from({ length: 50_000 }, (_, index): OpTuple => [index % 9, index % 32, index, index * 3, 7]);
      for (const op of ops) writer.op(...op);
      expect(writer.opCount).toBe(ops.length);
      const caches = [
        { objectBytes: 100, allocBytes: 104 },
        { objectBytes: 2 ** 32 - 1, allocBytes: 0 },
      ];
      writer.finish(TOTALS, caches);
      expect(statSync(path).size).toBe(opFileBytes(ops.length, caches.length));
      expect(readOps(path)).toEqual(ops);
      const reader = new OpReader(path);
      expect(reader.header).toEqual({ ...TOTALS, opCount: ops.length, cacheCount: 2 });
      expect(reader.caches).toEqual(caches);
      reader.close();
    });
  });

  it("keeps every 32-bit value", async () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const op = fc.tuple(fc.constantFrom(...Object.values(OP)), fc.nat(31), word, word, word);
    await withTempDir((directory) => {
      const path = join(directory, "trace.ops");
      fc.assert(
        fc.property(fc.array(op, { maxLength: 20 }), (ops) => {
          const writer = new OpWriter(path);
          for (const each of ops) writer.op(...each);
          writer.finish(TOTALS, []);
          expect(readOps(path)).toEqual(ops);
        }),
        { numRuns: 50 },
      );
    });
  });

  it("puts words where a C program looks for them", async () => {
    await withTempDir((directory) => {
      const path = join(directory, "trace.ops");
      const writer = new OpWriter(path);
      writer.op(OP.ALIGNED, 6, 1, 4096, 0);
      writer.finish(TOTALS, [{ objectBytes: 40, allocBytes: 48 }]);
      const bytes = readFileSync(path);
      expect(bytes.readUInt32LE(0)).toBe(OPS_MAGIC);
      expect([0, 4, 8, 12, 16, 20].map((at) => bytes.readUInt32LE(64 + at))).toEqual([
        4 | (6 << 8),
        1,
        4096,
        0,
        40,
        48,
      ]);
    });
  });

  it("leaves nothing behind when it is abandoned", async () => {
    await withTempDir((directory) => {
      const path = join(directory, "trace.ops");
      const writer = new OpWriter(path);
      writer.op(OP.MALLOC, 0, 0, 1, 0);
      writer.abandon();
      expect(existsSync(path)).toBe(false);
      expect(() => writer.finish(TOTALS, [])).toThrow("already closed");
    });
  });

  it("keeps a finished file when it is abandoned afterwards", async () => {
    await withTempDir((directory) => {
      const path = join(directory, "trace.ops");
      const writer = new OpWriter(path);
      writer.finish(TOTALS, []);
      writer.abandon();
      expect(readOps(path)).toEqual([]);
    });
  });
});

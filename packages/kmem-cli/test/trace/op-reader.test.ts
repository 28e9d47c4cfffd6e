import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OpReader } from "../../src/trace/op-reader.ts";
import { HEADER, HEADER_WORDS, OP, OPERATION, WORD_BYTES, WORDS_PER_OP } from "../../src/trace/op-stream.ts";
import { OpWriter } from "../../src/trace/op-writer.ts";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import { type OpTuple, readOps, withTempDir } from "./support.ts";

const OPS: readonly OpTuple[] = Array.from({ length: 10 }, (_, index): OpTuple => [OP.MALLOC, 0, index, 8 * index, 0]);

function writeOps(directory: string): string {
  const path = join(directory, "trace.ops");
  const writer = new OpWriter(path);
  for (const op of OPS) writer.op(...op);
  const totals = { slotCount: 10, peakLiveBytes: 360, peakLiveBlockCount: 10, requestedBytes: 360 };
  writer.finish({ kind: "malloc", ...totals }, []);
  return path;
}

describe("OpReader", () => {
  it("reads the same operations in chunks of any size", async () => {
    await withTempDir((directory) => {
      const path = writeOps(directory);
      for (const opsPerChunk of [1, 3, 5, 9, 10, 11, 1000]) expect(readOps(path, opsPerChunk)).toEqual(OPS);
    });
  });

  it("answers how many operations are in the chunk, 0 at the end, and starts again after rewind", async () => {
    await withTempDir((directory) => {
      const reader = new OpReader(writeOps(directory), 4);
      const counts = (): number[] => [reader.next(), reader.next(), reader.next(), reader.next(), reader.next()];
      const { words } = reader;
      expect(counts()).toEqual([4, 4, 2, 0, 0]);
      reader.rewind();
      expect(reader.next()).toBe(4);
      expect(reader.words).toBe(words);
      expect(words[3 * WORDS_PER_OP + OPERATION.SIZE]).toBe(24);
      reader.close();
      reader.close();
    });
  });

  it("refuses what is not a whole operation file, and says why", async () => {
    await withTempDir((directory) => {
      const path = writeOps(directory);
      const whole = readFileSync(path);
      const expectRefusal = (complaint: string): void => {
        expect(() => new OpReader(path)).toThrow(TraceFormatError);
        expect(() => new OpReader(path)).toThrow(complaint);
      };
      truncateSync(path, whole.length - 1);
      expectRefusal(`has ${whole.length - 1} bytes`);
      writeFileSync(path, whole);
      appendFileSync(path, "x");
      expectRefusal(`has ${whole.length + 1} bytes`);
      truncateSync(path, HEADER_WORDS * WORD_BYTES - 4);
      expectRefusal("15 of 16 header words");
      writeFileSync(path, new Uint8Array(whole.length));
      expectRefusal("the magic word is 0x0");
      const otherVersion = Buffer.from(whole);
      otherVersion.writeUInt32LE(9, HEADER.VERSION * WORD_BYTES);
      writeFileSync(path, otherVersion);
      expectRefusal("version 9");
    });
  });

  it("notices that the file was cut while it was open", async () => {
    await withTempDir((directory) => {
      const path = writeOps(directory);
      const reader = new OpReader(path, 4);
      reader.next();
      truncateSync(path, 100);
      expect(() => reader.next()).toThrow("cut while in use");
      reader.close();
    });
  });
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type OpenedTrace, openTrace } from "../../src/forms/open-trace.ts";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { withTempDir } from "../trace/support.ts";

const KERNEL = Buffer.from("# tracer: nop\nkfree: call_site=f ptr=(nil)\n".repeat(2000));
const MALLOC = Buffer.from(mallocTrace(Array.from({ length: 500 }, (_, index) => mallocEvent(0, index, 8))));

async function contentOf(trace: OpenedTrace): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of trace.chunks) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

async function withFile<Result>(bytes: Uint8Array, run: (path: string) => Promise<Result>): Promise<Result> {
  return withTempDir((directory) => {
    // The name says nothing: only the bytes count.
    const path = join(directory, "trace.bin");
    writeFileSync(path, bytes);
    return run(path);
  });
}

describe("openTrace", () => {
  const packings = [
    ["none", (bytes: Buffer) => bytes],
    ["gzip", (bytes: Buffer) => gzipSync(bytes)],
    ["zstd", (bytes: Buffer) => zstdCompressSync(bytes)],
  ] as const;
  const contents = [
    ["kernel", KERNEL],
    ["atrc", MALLOC],
  ] as const;

  for (const [compression, pack] of packings) {
    for (const [format, content] of contents) {
      it(`recognises a ${format} trace, compression ${compression}, whatever the size of the reads`, async () => {
        const packed = pack(content);
        await withFile(packed, async (path) => {
          for (const readBytes of [61, 509, 100_000]) {
            const trace = await openTrace(path, { readBytes });
            expect(trace).toMatchObject({ form: { id: format }, compression, fileBytes: packed.length });
            expect((await contentOf(trace)).equals(content)).toBe(true);
            expect(trace.readBytes()).toBe(packed.length);
            expect(trace.damage()).toBeUndefined();
          }
        });
      });

      it(`reads a ${format} trace, compression ${compression}, from standard input`, async () => {
        const packed = pack(content);
        const trace = await openTrace("-", { stdin: Readable.from([packed.subarray(0, 3), packed.subarray(3)]) });
        expect(trace).toMatchObject({ form: { id: format }, compression, fileBytes: undefined });
        expect((await contentOf(trace)).equals(content)).toBe(true);
      });
    }
  }

  it("knows the skippable frame that parallel zstd begins with", async () => {
    const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
    await withFile(Buffer.concat([skippable, zstdCompressSync(KERNEL)]), async (path) => {
      const trace = await openTrace(path);
      expect(trace.compression).toBe("zstd");
      expect((await contentOf(trace)).equals(KERNEL)).toBe(true);
    });
  });

  it("takes nothing else for such a frame", async () => {
    await withFile(Buffer.from("a*M\x18 and more"), async (path) => {
      expect(await openTrace(path)).toMatchObject({ compression: "none", form: { id: "kernel" } });
    });
  });

  it("reads a trace that is shorter than what it looks at", async () => {
    await withFile(Buffer.from("x\n"), async (path) => {
      const trace = await openTrace(path);
      expect(trace.form.id).toBe("kernel");
      expect((await contentOf(trace)).toString()).toBe("x\n");
    });
  });

  it.each(packings)("lets standard input go when the reader stops early, compression %s", async (_, pack) => {
    const packed = pack(Buffer.concat(Array.from({ length: 100 }, () => KERNEL)));
    const stdin = Readable.from(
      Array.from({ length: 50 }, (__, index) => packed.subarray(index * 1000, index * 1000 + 1000)),
    );
    const trace = await openTrace("-", { stdin });
    const closed = new Promise((resolve) => stdin.once("close", resolve));
    for await (const __ of trace.chunks) break;
    await closed;
    expect(stdin.destroyed).toBe(true);
  });

  it("says what is wrong with the packing once all is read", async () => {
    // Longer than a block of zstd's, so that there is something to see before the end is missed.
    const packed = zstdCompressSync(Buffer.concat(Array.from({ length: 10 }, () => KERNEL)));
    await withFile(packed.subarray(0, packed.length - 2), async (path) => {
      const trace = await openTrace(path);
      expect((await contentOf(trace)).length).toBeGreaterThan(KERNEL.length);
      expect(trace.damage()).toMatch(/unexpected end/);
    });
  });

  it.each([
    ["", "it is empty"],
    ["\xfd7zXZ\0\0", "xz -dc"],
    ["BZh91AY&SY", "bzip2 -dc"],
    ["PK\x03\x04\x14\0", "zip archive"],
    ["\x7fELF\x02\x01\x01\0\0", "neither text nor a binary trace that is read"],
    ["\x1f\x8bnothing that gzip made", "cannot be unpacked"],
  ])("refuses %j and says why", async (content, complaint) => {
    await withFile(Buffer.from(content, "latin1"), async (path) => {
      const opening = openTrace(path);
      await expect(opening).rejects.toThrow(TraceFormatError);
      await expect(opening).rejects.toThrow(complaint);
      await expect(opening).rejects.toThrow(path);
    });
  });

  it.each([
    ["\x17\x08Dtracing6\0", "tracedat"],
    ["PERFILE2\x68\0\0\0", "perfdata"],
    ["2ELIFREP\0\0\0\x68", "perfdata"],
  ])("recognises %j, a kernel's trace as its tool keeps it", async (head, id) => {
    await withFile(Buffer.from(head, "latin1"), async (path) => {
      const trace = await openTrace(path);
      expect(trace).toMatchObject({ form: { id }, isPlainFile: true });
      trace.close();
      const packed = await openTrace("-", { stdin: Readable.from([gzipSync(Buffer.from(head, "latin1"))]) });
      expect(packed).toMatchObject({ form: { id }, isPlainFile: false });
      packed.close();
    });
  });

  it("refuses a directory, and passes on that a file is not there", async () => {
    await withTempDir(async (directory) => {
      await expect(openTrace(directory)).rejects.toThrow("it is a directory");
      await expect(openTrace(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" });
    });
  });
});

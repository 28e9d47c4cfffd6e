import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BrokenLog, type BrokenReport } from "../../src/trace/broken-log.ts";
import { KernelTraceReader } from "../../src/trace/kernel-trace.ts";
import type { KernelTraceCounts } from "../../src/trace/line-tally.ts";
import { Matcher } from "../../src/trace/matcher.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { OP_CODE_MASK, OPERATION, type OpSink, WORDS_PER_OP } from "../../src/trace/op-stream.ts";

/** One operation: code, log2 of the alignment, slot, size, aux. */
export type OpTuple = readonly [code: number, log2Align: number, slot: number, size: number, aux: number];

/** Keeps all operations that it is given. */
export class OpList implements OpSink {
  readonly ops: OpTuple[] = [];

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.ops.push([code, log2Align, slot, size, aux]);
  }
}

/** Latin-1 bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The bytes cut into chunks at these places (taken modulo the length). */
export function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.slice(places[index], place));
}

export interface KernelResult {
  readonly counts: KernelTraceCounts;
  readonly broken: BrokenReport;
  readonly ops: readonly OpTuple[];
  readonly matcher: Matcher;
  readonly reader: KernelTraceReader;
}

/** Reads a kernel trace that is given in chunks, and matches its events. */
export function readKernelChunks(chunks: readonly Uint8Array[], cut = false): KernelResult {
  const sink = new OpList();
  const matcher = new Matcher(sink);
  const log = new BrokenLog();
  const reader = new KernelTraceReader(matcher, log);
  // Each chunk is wiped after it has been taken: a reader must not hold on to it.
  for (const chunk of chunks) {
    const own = chunk.slice();
    reader.push(own);
    own.fill(0x3f);
  }
  reader.end(cut);
  return { counts: reader.counts(), broken: log.report(), ops: sink.ops, matcher, reader };
}

/** Reads a kernel trace that is given as lines. */
export function readKernelLines(...lines: readonly string[]): KernelResult {
  return readKernelChunks([bytesOf(lines.map((line) => `${line}\n`).join(""))]);
}

/** All operations of an operation file. */
export function readOps(path: string, opsPerChunk?: number): OpTuple[] {
  const reader = new OpReader(path, opsPerChunk);
  const ops: OpTuple[] = [];
  for (let count = reader.next(); count > 0; count = reader.next()) {
    for (let at = 0; at < count * WORDS_PER_OP; at += WORDS_PER_OP) {
      const first = reader.words[at + OPERATION.CODE]!;
      ops.push([
        first & OP_CODE_MASK,
        first >>> 8,
        reader.words[at + OPERATION.SLOT]!,
        reader.words[at + OPERATION.SIZE]!,
        reader.words[at + OPERATION.AUX]!,
      ]);
    }
  }
  reader.close();
  return ops;
}

/** Runs something with a directory of its own, which is gone afterwards. */
export async function withTempDir<Result>(run: (directory: string) => Result | Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "kmem-trace-"));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const REPOSITORY = fileURLToPath(new URL("../../../..", import.meta.url));

/** The traces that come with the package. */
export const BUNDLED_TRACES: string = fileURLToPath(new URL("../../traces", import.meta.url));

/** The large collection of traces: where KMEM_TRACES says, or beside the repository. It need not be there. */
export const SHARED_TRACES: string = resolve(process.env["KMEM_TRACES"] ?? join(REPOSITORY, "..", "shared", "traces"));

export const SHARED_TRACES_MISSING: string | undefined = existsSync(SHARED_TRACES)
  ? undefined
  : `no trace collection at ${SHARED_TRACES}; KMEM_TRACES says where it is`;

/** Unpacks a tar archive with the system's tar; answers what went wrong, if anything did. */
export function untar(archive: string, directory: string): string | undefined {
  const result: SpawnSyncReturns<Buffer> = spawnSync("tar", ["-xf", archive, "-C", directory]);
  if (result.error !== undefined) return result.error.message;
  return result.status === 0 ? undefined : result.stderr.toString();
}

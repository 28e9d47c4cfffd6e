import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTrace } from "../../src/forms/read-trace.ts";
import { CALL, RecordFile } from "../../src/run/record-file.ts";
import { recordProgram } from "../../src/run/record-program.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import { runCli } from "../commands/support.ts";
import { NATIVE_MISSING, NATIVE_NOTE } from "../contenders/support.ts";
import { EventList } from "../forms/support.ts";
import { OpModel } from "../trace/op-model.ts";

/** What threads.c leaves: SHARED blocks of 100 bytes, in the parent; three of 64 that its child has made. */
const LEFT = { blocks: 64, bytes: 100 };
const LEFT_IN_CHILD = { blocks: 3, bytes: 64 };

let folder: string;
let program: string;

beforeAll(() => {
  if (NATIVE_MISSING) return;
  folder = mkdtempSync(join(tmpdir(), "kmem-record-test-"));
  program = join(folder, "threads");
  const source = join(import.meta.dirname, "threads.c");
  execFileSync("cc", ["-g", "-O1", "-fno-builtin", source, "-o", program, "-lpthread"]);
});

afterAll(() => {
  if (!NATIVE_MISSING) rmSync(folder, { recursive: true, force: true });
});

async function read(path: string) {
  const stream = new EventStream(true);
  const sink = new EventList(stream);
  const { summary } = await readTrace(path, sink, stream);
  return { summary, events: sink.events };
}

describe.skipIf(NATIVE_MISSING)(`the recorder${NATIVE_NOTE}`, () => {
  it("has every call of threads in an order that can be, with sites, and a child's after fork by itself", async () => {
    const { exitCode, programs } = await recordProgram(program, [], join(folder, "out.kmt"));
    expect(exitCode).toBe(7);
    expect(programs).toHaveLength(2);
    const [parent, child] = programs;
    expect(parent!.path).toBe(join(folder, "out.kmt"));
    const { summary, events } = await read(parent!.path);
    expect(summary.broken.count).toBe(0);
    new OpModel().replay(events.map(({ op }) => op));
    expect(parent!.counts).toMatchObject({ frees: { unknownCount: 0 }, impliedFreeCount: 0, unknownReallocCount: 0 });
    const ours = events.filter(({ frames }) => /^(?:work|main) \(.*threads\.c:\d+\)$/.test(frames[0]!));
    expect(ours.length).toBeGreaterThan(80_000);
    expect(new Set(events.map(({ thread }) => thread)).size).toBe(5);
    const live = new Map<number, number>();
    for (const { op, frames } of events) {
      const isOurs = frames[0]!.includes("threads.c:");
      if (op[0] === CALL.FREE) live.delete(op[2]);
      else if (isOurs) live.set(op[2], op[3]);
    }
    expect([...live.values()]).toEqual(Array(LEFT.blocks).fill(LEFT.bytes));
    const inChild = await read(child!.path);
    expect(inChild.summary.live.liveBlockCountAtEnd).toBe(LEFT_IN_CHILD.blocks);
    expect(inChild.summary.live.liveBytesAtEnd).toBe(LEFT_IN_CHILD.blocks * LEFT_IN_CHILD.bytes);
  });

  it("gives the program's output, exit code and traces to the command", async () => {
    const out = join(folder, "sh.kmt");
    const { exitCode, stdout, stderr } = await runCli(["record", "-o", out, "--", "sh", "-c", "echo hi; exit 3"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: "hi\n" });
    expect(stderr).toContain(`${out}: process`);
    expect((await runCli(["record", "--", join(folder, "none")])).exitCode).toBe(1);
    expect(readdirSync(folder).some((name) => name.includes("unfinished"))).toBe(false);
  });

  it("reads what is whole of a file that is cut, and refuses what is none", () => {
    const path = join(folder, "bad.rec");
    writeFileSync(path, "no such thing at all, but long enough");
    expect(() => new RecordFile(path)).toThrow("no file of the recorder's");
    const head = new Uint32Array([0x46524d4b, 1, 8, 42, 1, 0x42524d4b, 7, 2, 0, 5, 0]);
    const record = new Uint32Array([0x10, 0, 0x99, 0, 1, 0, 24, 3]);
    writeFileSync(path, Buffer.concat([Buffer.from(head.buffer), Buffer.from(record.buffer)]));
    expect(new RecordFile(path)).toMatchObject({ pid: 42, recordCount: 0 });
    head[7] = 1;
    writeFileSync(path, Buffer.concat([Buffer.from(head.buffer), Buffer.from(record.buffer), Buffer.from("KMRB")]));
    const seen: unknown[] = [];
    new RecordFile(path).readAll((one) => {
      seen.push({ ...one });
    });
    expect(seen).toEqual([
      { call: CALL.MALLOC, thread: 7, high: 0, low: 0x10, log2Align: 0, site: 0x99, sizeBytes: 24, timeNs: 8 },
    ]);
  });
});

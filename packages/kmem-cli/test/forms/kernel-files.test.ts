import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readTrace } from "../../src/forms/read-trace.ts";
import { CONVERSIONS } from "../../src/insight/conversions.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import type { TraceSummary } from "../../src/trace/trace-summary.ts";
import { OpModel } from "../trace/op-model.ts";
import { withTempDir } from "../trace/support.ts";
import { perfData } from "./perf-data-writer.ts";
import { EventList } from "./support.ts";
import { traceDat } from "./trace-dat-writer.ts";
import { writtenEvents } from "./written-events.ts";

const EVENTS = writtenEvents(5, 1500, 3);

async function convertTo(form: string, bytes: Uint8Array): Promise<{ summary: TraceSummary; converted: Uint8Array }> {
  const stream = new EventStream(true);
  const chunks: Uint8Array[] = [];
  const conversion = CONVERSIONS[form]!.open((chunk) => chunks.push(chunk.slice()), stream);
  const { summary } = await readTrace("-", conversion, stream, { stdin: Readable.from([Buffer.from(bytes)]) });
  await conversion.finish(summary);
  return { summary, converted: new Uint8Array(Buffer.concat(chunks)) };
}

async function read(bytes: Uint8Array) {
  const stream = new EventStream(true);
  const sink = new EventList(stream);
  const { summary } = await readTrace("-", sink, stream, { stdin: Readable.from([Buffer.from(bytes)]) });
  return { summary, events: sink.events };
}

describe.each([
  ["trace.dat", traceDat(EVENTS)],
  ["perf.data", perfData(EVENTS)],
])("%s", (_name, bytes) => {
  it("has the same operations and totals in kmem's own format", async () => {
    const direct = await read(bytes);
    const { converted } = await convertTo("kmem", bytes);
    const stored = await read(converted);
    expect(stored.summary).toMatchObject({ form: "kmem", live: direct.summary.live, opCount: direct.summary.opCount });
    const seen = ({ events }: typeof direct): unknown =>
      events.map(({ op: [code, , , size], timeNs, thread, cpu, frames }) => [code, size, timeNs, thread, cpu, frames]);
    expect(seen(stored)).toEqual(seen(direct));
    const model = new OpModel().replay(direct.events.map(({ op }) => op));
    expect(model.peakLiveBytes).toBe(direct.summary.live.peakLiveBytes);
  });

  it("is told of as it is read, and read again from the same file", async () => {
    await withTempDir(async (directory) => {
      const path = join(directory, "a file");
      writeFileSync(path, bytes);
      for (let round = 0; round < 2; round += 1) {
        const seen: number[] = [];
        const { summary } = await readTrace(path, { op: () => {} }, new EventStream(false), {
          onProgress: ({ readBytes, fileBytes }) => {
            expect(fileBytes).toBe(bytes.length);
            seen.push(readBytes);
          },
        });
        expect(seen.at(-1)).toBe(bytes.length);
        expect(summary).toMatchObject({ readBytes: bytes.length, traceBytes: bytes.length, compression: "none" });
      }
    });
  });
});

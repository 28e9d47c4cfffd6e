import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileTrace } from "../../src/forms/compile-trace.ts";
import { makeWorkloads, type Workload } from "../../src/replay/workload.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { OpModel } from "../trace/op-model.ts";
import { BUNDLED_TRACES, readOps, withTempDir } from "../trace/support.ts";
import { bundledWorkloads } from "./support.ts";

/** Replays a workload in the model, which throws at an operation that cannot be, and then what closes it. */
function checkInModel({ opsPath, closingPath, opCount, live }: Workload): void {
  const model = new OpModel().replay(readOps(opsPath));
  expect(model.opCount).toBe(opCount);
  expect(model.peakLiveBytes).toBe(live.peakLiveBytes);
  expect(model.requestedBytes).toBe(live.requestedBytes);
  expect(model.live.size).toBe(live.liveBlockCountAtEnd);
  model.replay(readOps(closingPath));
  expect(model.live.size).toBe(0);
}

function header(path: string): OpReader["header"] {
  const reader = new OpReader(path);
  reader.close();
  return reader.header;
}

describe("the workloads of a trace", () => {
  it("are one of blocks for a malloc trace", async () => {
    await withTempDir(async (folder) => {
      const workloads = await bundledWorkloads("sqlite_file.trace.zst", folder);
      expect(workloads.map(({ kind, opCount }) => [kind, opCount])).toEqual([["blocks", 89_745]]);
      checkInModel(workloads[0]!);
    });
  });

  it("are objects and pages for a kernel trace, each alone and nothing lost", async () => {
    await withTempDir(async (folder) => {
      const workloads = await bundledWorkloads("mid-6.12-hashedptr.trace.txt.zst", folder);
      expect(workloads.map(({ kind }) => kind)).toEqual(["objects", "pages"]);
      for (const workload of workloads) {
        const isPages = workload.kind === "pages";
        const codes = new Set(readOps(workload.opsPath).map(([code]) => code));
        expect(codes.has(OP.PAGE_ALLOC)).toBe(isPages);
        expect(codes.has(OP.PAGE_FREE)).toBe(isPages);
        expect(codes.has(OP.CACHE_ALLOC)).toBe(!isPages);
        expect(header(workload.opsPath)).toMatchObject({
          peakLiveBytes: workload.live.peakLiveBytes,
          requestedBytes: workload.live.requestedBytes,
          cacheCount: 32,
        });
        checkInModel(workload);
      }
      const opCount = workloads.reduce((sum, workload) => sum + workload.opCount, 0);
      expect(opCount).toBe(header(join(folder, "trace.ops")).opCount);
    });
  });

  it("leave out a kind of which a kernel trace has nothing", async () => {
    await withTempDir(async (folder) => {
      const opsPath = join(folder, "trace.ops");
      const summary = await compileTrace(join(BUNDLED_TRACES, "mid-6.12-hashedptr.trace.txt.zst"), opsPath);
      const { writeOps } = await import("./support.ts");
      writeOps(opsPath, [[OP.PAGE_ALLOC, 0, 0, 0, 0]]);
      expect(makeWorkloads(summary, opsPath, folder).map(({ kind }) => kind)).toEqual(["pages"]);
    });
  });
});

import { createAreas, createHeap } from "kmem-cli/internal/contenders/kmem";
import { nativeContender } from "kmem-cli/internal/contenders/native-contender";
import { GLIBC } from "kmem-cli/internal/contenders/native-malloc";
import { isReady } from "kmem-cli/internal/replay/contender";
import { accountOps } from "kmem-cli/internal/replay/footprint-of-ops";
import type { AccountResult, Job } from "kmem-cli/internal/replay/jobs";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { describe, expect, it } from "vitest";
import { NATIVE_MISSING, NATIVE_NOTE } from "../../../kmem-cli/test/contenders/support.ts";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { AREAS } from "../../src/loads/areas.ts";
import { CONSTRUCTED } from "../../src/loads/constructed.ts";
import { PAGE_RUNS } from "../../src/loads/page-runs.ts";

async function glibc(job: Job): Promise<unknown> {
  const ready = await nativeContender(GLIBC).prepare();
  if (!isReady(ready)) throw new Error(ready.reason);
  return JSON.parse(await runProcess(ready.command(job)));
}

describe.skipIf(NATIVE_MISSING)(`glibc's malloc${NATIVE_NOTE}`, () => {
  it.each([PAGE_RUNS, CONSTRUCTED, AREAS])("is asked for the same as kmem by the load $name", async (load) => {
    await withTempDir(async (folder) => {
      const { kind, opsPath, opCount, live } = load.make(folder);
      const job = { mode: "account", kind, opsPath } as const;
      const native = (await glibc(job)) as AccountResult;
      const heap = kind === "areas" ? createAreas({ ...live, opCount }) : createHeap(live);
      const { requestedBytes, peakLiveBytes } = accountOps(heap, job);
      expect(native).toMatchObject({ opCount, failureCount: 0, requestedBytes, peakLiveBytes });
      expect(peakLiveBytes).toBe(live.peakLiveBytes);
    });
  });
});

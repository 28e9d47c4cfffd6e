import { GLIBC } from "kmem-cli/internal/contenders/native-malloc";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { describe, expect, it } from "vitest";
import { NATIVE_MISSING, NATIVE_NOTE } from "../../../kmem-cli/test/contenders/support.ts";
import {
  heapThreadContender,
  isReady,
  knownThreadContenders,
  nativeThreadContender,
  type ThreadContender,
} from "../../src/threads/contenders.ts";
import type { ThreadJob, ThreadResult } from "../../src/threads/jobs.ts";
import { THREAD_WORKLOADS } from "../../src/threads/workloads.ts";

const SMALL_DIVISOR = 2000;

function smallJob(workload: string, laneCount: number): ThreadJob {
  const { amount } = THREAD_WORKLOADS.find(({ name }) => name === workload)!;
  const small = Math.max(2, Math.round(amount / SMALL_DIVISOR));
  return { workload, laneCount, amount: small, warmupAmount: small, warmupMs: 1 };
}

async function run(contender: ThreadContender, job: ThreadJob): Promise<ThreadResult> {
  const ready = await contender.prepare();
  if (!isReady(ready)) throw new Error(ready.reason);
  return JSON.parse(await runProcess(ready.command(job))) as ThreadResult;
}

const [kmem] = knownThreadContenders() as [ThreadContender];
const broken = (name: string): ThreadContender => heapThreadContender(name, new URL(name, import.meta.url), "0");
const names = THREAD_WORKLOADS.map(({ name }) => name);

/** A circle in which nobody gives to the one it takes from. */
const LANE_COUNT = 3;

describe(`threads on a heap of kmem${NATIVE_NOTE.replace("(", "(beside C ")}`, () => {
  it.each(names)("do %s, leave the heap as it was, and do the same work as in C", async (workload) => {
    const job = smallJob(workload, LANE_COUNT);
    const { elapsedNs, ...result } = await run(kmem, job);
    expect(elapsedNs).toBeGreaterThan(0);
    expect(result).toMatchObject({ faultCount: 0, problems: [], freedCount: result.allocatedCount });
    if (NATIVE_MISSING !== undefined) return;
    const inC = await run(nativeThreadContender(GLIBC), job);
    expect(inC).toEqual({ ...result, elapsedNs: inC.elapsedNs });
    expect(inC.elapsedNs).toBeGreaterThan(0);
  });
});

describe("threads on a broken heap", () => {
  it("find out that a block was handed out twice", async () => {
    for (const laneCount of [1, 2]) {
      const { faultCount, problems } = await run(broken("./twice-heap.ts"), smallJob("local", laneCount));
      // Either a seal is broken, or the heap itself refuses the second free.
      expect(faultCount > 0 || /a thread ended: .*already free/.test(problems.join())).toBe(true);
    }
  });

  it("find out that blocks were lost", async () => {
    const { problems } = await run(broken("./losing-heap.ts"), smallJob("local", 2));
    expect(problems).toContain("2 blocks are live at the end");
    expect(problems.join()).toMatch(/after trim \w+ is \d+, before it was \d+/);
  });

  it("find out that a thread did not leave", async () => {
    const { problems } = await run(broken("./staying-heap.ts"), smallJob("rptest", 2));
    expect(problems).toContain("3 slots are held at the end, not 1");
  });

  it("that has no module end with its name", async () => {
    await expect(run(broken("./no-heap.ts"), smallJob("sh6", 1))).rejects.toThrow("no-heap.ts");
  });
});

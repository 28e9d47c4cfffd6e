import { preloadedMalloc } from "kmem-cli/internal/contenders/native-malloc";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { describe, expect, it } from "vitest";
import { NATIVE_MISSING, NATIVE_NOTE } from "../../../kmem-cli/test/contenders/support.ts";
import { isReady, knownThreadContenders, nativeThreadContender, warmupMs } from "../../src/threads/contenders.ts";

const JOB = { workload: "local", laneCount: 1, amount: 1, warmupAmount: 1, warmupMs: 0 };

describe("the contenders of the threads", () => {
  it("are kmem, which is there, and the native mallocs", async () => {
    const contenders = knownThreadContenders();
    expect(contenders.map(({ name }) => name)).toEqual(["kmem", "glibc", "jemalloc", "mimalloc", "tcmalloc"]);
    const kmem = await contenders[0]!.prepare();
    expect(isReady(kmem) && [kmem.isNative, kmem.version]).toEqual([false, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  });

  it("warm up for as long as their kind takes", () => {
    expect(warmupMs({ isNative: false })).toBeGreaterThan(warmupMs({ isNative: true }));
  });
});

describe.skipIf(NATIVE_MISSING)(`a native contender of the threads${NATIVE_NOTE}`, () => {
  it("has the malloc that it is named after, or is absent with a reason", async () => {
    for (const contender of knownThreadContenders().slice(2)) {
      const prepared = await contender.prepare();
      if (!isReady(prepared)) {
        expect(prepared.reason).toMatch(/^no lib\w+( or lib\w+)* is installed$/);
        continue;
      }
      expect(await runProcess({ ...prepared.command(JOB), args: ["probe"] })).toContain(prepared.name);
    }
  });

  it("is absent where no library has the name, or the library has no malloc", async () => {
    const absent = { name: "none", reason: "no libnomalloc or libm is installed" };
    expect(await nativeThreadContender(preloadedMalloc("none", ["libnomalloc", "libm"])).prepare()).toEqual(absent);
  });
});

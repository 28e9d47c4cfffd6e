import { expect, it } from "vitest";
import { describeInChromium } from "./support/in-chromium.ts";
import type { ModulePage } from "./support/page-modules.ts";

describeInChromium("waiting for memory in a page", (openPage) => {
  type Functions = typeof import("./pages/wait.ts");
  const open = (): Promise<ModulePage<Functions>> => openPage<Functions>("isolated", "wait.ts");

  it("allocAsync waits until a worker frees, and the page's timers go on", async () => {
    const page = await open();
    expect(await page.call("waitForWorker")).toEqual({
      isFull: true,
      settledBeforeFree: false,
      usable: true,
      left: [],
    });
  });

  it("allocAsync gives up at the timeout, and the page's timers go on", async () => {
    const page = await open();
    const { refused, ticks, left } = await page.call("waitTooLong");
    expect(refused).toMatchObject({ name: "OutOfMemoryError", code: "OUT_OF_MEMORY" });
    expect(ticks).toBeGreaterThan(0);
    expect(left).toEqual([]);
  });

  it("allocAsync gives up when its signal says so, with the signal's reason", async () => {
    const page = await open();
    expect(await page.call("waitUntilAborted")).toEqual({
      settledBeforeAbort: false,
      rejections: [true, true],
      left: [],
    });
  });

  it("allocWait is refused in the page where it would have to sleep, and names what does not", async () => {
    const page = await open();
    const { whenFull, whenFree, left } = await page.call("blockingWait");
    expect(whenFull).toMatchObject({ name: "KmemError", code: "MUST_NOT_BLOCK" });
    expect(whenFull?.message).toContain("allocAsync");
    expect(whenFree).toBeUndefined();
    expect(left).toEqual([]);
  });

  it("allocWait sleeps in a worker until the page frees", async () => {
    const page = await open();
    expect(await page.call("waitInWorker")).toEqual({ settledBeforeFree: false, left: [] });
  });
});

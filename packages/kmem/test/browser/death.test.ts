import { expect, it } from "vitest";
import { describeInChromium } from "./support/in-chromium.ts";
import type { ModulePage } from "./support/page-modules.ts";

describeInChromium("workers of a page that die", (openPage) => {
  type Functions = typeof import("./pages/death.ts");
  const open = (): Promise<ModulePage<Functions>> => openPage<Functions>("isolated", "death.ts");

  it("are reaped when their Web Lock is released, and nothing is lost", async () => {
    const page = await open();
    const { taken, recovered } = await page.call("reapTerminated");
    expect(taken).toBeGreaterThan(40);
    expect(recovered).toEqual({ slot: 1, blocks: taken, isFreed: true, heldSlots: 1, left: [] });
  });

  it("leave locks that the page inherits, though nobody watches and it must not sleep", async () => {
    const page = await open();
    const { isThere, recovered } = await page.call("inheritLock");
    expect(isThere).toBe(true);
    expect(recovered).toEqual({ slot: 1, blocks: 0, isFreed: true, heldSlots: 1, left: [] });
  });
});

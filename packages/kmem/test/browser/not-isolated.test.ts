import { expect, it } from "vitest";
import { describeInChromium } from "./support/in-chromium.ts";
import type { ModulePage } from "./support/page-modules.ts";

describeInChromium("a page that is not isolated", (openPage) => {
  type Functions = typeof import("./pages/not-isolated.ts");
  const open = (): Promise<ModulePage<Functions>> => openPage<Functions>("plain", "not-isolated.ts");

  it("has no SharedArrayBuffer, and loads the library all the same", async () => {
    const page = await open();
    const { isIsolated, hasSharedMemory } = await page.call("loadEntries", ["lib/index.js"]);
    expect({ isIsolated, hasSharedMemory }).toEqual({ isIsolated: false, hasSharedMemory: false });
  });

  it("can use a heap that is not shared", async () => {
    const page = await open();
    expect(await page.call("useHeap", { shared: false })).toEqual({
      memoryKind: "ArrayBuffer",
      spoilt: [],
      left: [],
      findings: [],
    });
  });

  it("is told why there can be no shared heap, and what there can be", async () => {
    const page = await open();
    const refused = await page.call("createShared");
    expect(refused).toMatchObject({ name: "KmemError", code: "BAD_ARGUMENT" });
    expect(refused?.message).toContain("cross-origin isolated");
    expect(refused?.message).toContain("shared: false");
  });

  it("can open a dump", async () => {
    const page = await open();
    expect(await page.call("openDump")).toEqual({ memoryKind: "ArrayBuffer", byte: 42 });
  });
});
